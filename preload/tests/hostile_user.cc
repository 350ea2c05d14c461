// SPDX-License-Identifier: MIT
// Opens the plugin that its argument names, and calls each kind of new and delete.
#include <dlfcn.h>
#include <malloc.h>
#include <cstdio>
#include <cstdint>
#include <new>
#include <string>
struct alignas(8192) Aligned {
	char c[3 << 20];
};
int handled;
int main(int, char **argv)
{
	void *lib = dlopen(argv[1], RTLD_NOW);
	auto make = (std::string * (*)(std::size_t)) dlsym(lib, "make");
	auto take = (void (*)(std::string *))dlsym(lib, "take");
	bool good = make && take, thrown = false;
	for (std::size_t n : {10, 1000, 300000, 5000000, 90000000}) {
		delete make(n);
		take(new std::string(n, 'y'));
	}
	Aligned *a = new Aligned[2];
	good &= (uintptr_t)a % 8192 == 0 && malloc_usable_size(a) >= sizeof(Aligned) * 2;
	delete[] a;
	volatile std::size_t much = (std::size_t)1 << 60;
	std::set_new_handler([] {
		if (++handled == 3)
			std::set_new_handler(nullptr);
	});
	try {
		delete[] new char[much];
	} catch (std::bad_alloc &) {
		thrown = true;
	}
	good &= thrown && handled == 3 && !new (std::nothrow) char[much];
	std::puts(good ? "right" : "wrong");
}
