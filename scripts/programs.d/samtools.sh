# shellcheck shell=bash
# SPDX-License-Identifier: MIT
python3 -c "
print('@SQ\tSN:c\tLN:1000000')
for n in range(200000):
    print('r%d\t0\tc\t%d\t60\t50M\t*\t0\t0\t%s\t%s' % (n, n * 7919 % 900000 + 1, 'ACGTA' * 10, 'I' * 50))" > a.sam
samtools sort -@ 2 -m 20M --no-PG a.sam -o b.bam
samtools index b.bam
samtools view b.bam | sha256sum
samtools depth b.bam | sha256sum
