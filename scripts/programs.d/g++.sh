# shellcheck shell=bash
# SPDX-License-Identifier: MIT
cat > a.cc << 'END'
#include <bits/stdc++.h>
int main()
{
	std::map<std::string, std::vector<int>> m;
	for (int i = 0; i < 300000; i++)
		m[std::to_string(i)].push_back(i);
	std::vector<double> v(5000000, 1.5);
	std::cout << m.size() << std::accumulate(v.begin(), v.end(), 0.0);
}
END
g++ -O1 a.cc -o a
./a
