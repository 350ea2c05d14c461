// SPDX-License-Identifier: MIT
// A plugin that allocates what its program frees, and frees what that has allocated.
#include <string>
extern "C" std::string *make(std::size_t n)
{
	return new std::string(n, 'x');
}
extern "C" void take(std::string *s)
{
	delete s;
}
