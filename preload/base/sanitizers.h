/* SPDX-License-Identifier: MIT */
/* Programs that are built with a sanitizer cannot run with this library. */
#ifndef DPHUGE_SANITIZERS_H
#define DPHUGE_SANITIZERS_H

/**
 * sanitizers_refuse() - end the program if it has a sanitizer with a malloc of its own
 *
 * May be called before libc has started.
 */
void sanitizers_refuse(void);

#endif /* DPHUGE_SANITIZERS_H */
