# shellcheck shell=bash
# SPDX-License-Identifier: MIT
cat > A.java << 'END'
import java.util.*;
public class A {
	public static void main(String[] a)
	{
		var m = new TreeMap<String, byte[]>();
		for (int n = 0; n < 400000; n++)
			m.put("k" + n * 7919L % 1000003, new byte[100]);
		System.out.println(m.size() + m.firstKey() + m.lastKey());
	}
}
END
java -Xmx512m A.java
