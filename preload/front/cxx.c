// SPDX-License-Identifier: MIT
/*
 * C++'s operators new and delete, by their names in the Itanium ABI. libstdc++'s call
 * malloc and free; but jemalloc's library has its own, and a program that isn't linked with
 * libstdc++, and opens a plugin that is, would find those first. What one of them allocated
 * would then be freed by the other.
 *
 * Where there is no memory, the next library's operator is called, which calls the
 * new-handler and throws.
 */
#include "base/units.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

typedef void *plain_new(size_t size);
typedef void *nothrow_new(size_t size, const void *nothrow);
typedef void *aligned_new(size_t size, size_t align);
typedef void *aligned_nothrow_new(size_t size, size_t align, const void *nothrow);

#define NEW(name)                                                                                                      \
	EXPORT plain_new name;                                                                                         \
	void *name(size_t size)                                                                                        \
	{                                                                                                              \
		void *p = malloc(size);                                                                                \
                                                                                                                       \
		return likely(p != NULL) ? p : ((plain_new *)dlsym(RTLD_NEXT, #name))(size);                           \
	}
#define NEW_NOTHROW(name)                                                                                              \
	EXPORT nothrow_new name;                                                                                       \
	void *name(size_t size, const void *nothrow)                                                                   \
	{                                                                                                              \
		void *p = malloc(size);                                                                                \
                                                                                                                       \
		return likely(p != NULL) ? p : ((nothrow_new *)dlsym(RTLD_NEXT, #name))(size, nothrow);                \
	}
#define NEW_ALIGNED(name)                                                                                              \
	EXPORT aligned_new name;                                                                                       \
	void *name(size_t size, size_t align)                                                                          \
	{                                                                                                              \
		void *p = memalign(align, size);                                                                       \
                                                                                                                       \
		return likely(p != NULL) ? p : ((aligned_new *)dlsym(RTLD_NEXT, #name))(size, align);                  \
	}
#define NEW_ALIGNED_NOTHROW(name)                                                                                      \
	EXPORT aligned_nothrow_new name;                                                                               \
	void *name(size_t size, size_t align, const void *nothrow)                                                     \
	{                                                                                                              \
		void *p = memalign(align, size);                                                                       \
                                                                                                                       \
		return likely(p != NULL) ? p : ((aligned_nothrow_new *)dlsym(RTLD_NEXT, #name))(size, align, nothrow); \
	}
/* The size and the alignment that some of them get say nothing that we need. */
#define DELETE(name)                                                                                                   \
	EXPORT void name(void *p);                                                                                     \
	void name(void *p)                                                                                             \
	{                                                                                                              \
		free(p);                                                                                               \
	}

NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvRKSt9nothrow_t)
DELETE(_ZdaPvRKSt9nothrow_t)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)
