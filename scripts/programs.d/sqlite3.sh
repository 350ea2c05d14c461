# shellcheck shell=bash
# SPDX-License-Identifier: MIT
sqlite3 :memory: "create table t(a integer primary key, b text, c real);
insert into t select value, hex(value * 7919), value / 3.0 from generate_series(1, 400000);
create index i on t(b); select count(*), sum(c), max(b) from t where b > '3'; pragma integrity_check;"
