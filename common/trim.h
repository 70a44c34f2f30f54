#ifndef COMMON_TRIM_H
#define COMMON_TRIM_H
/* Gives back what only starting needed: free heap, and pages of code and constants (not written to, so the page cache has
 * them). What is used again is mapped again at its first touch, without reading from the disk as a rule. */
void trim_resident(void);
#endif
