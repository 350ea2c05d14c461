# shellcheck shell=bash
# SPDX-License-Identifier: MIT
chown nobody "$T"
as() { setpriv --reuid=nobody --clear-groups "$@"; }
as initdb -D "$T/db" -U postgres > /dev/null
as pg_ctl -D "$T/db" -o "-k $T -h '' -c work_mem=64MB" -l "$T/log" -w start > /dev/null
psql -h "$T" -U postgres -qAt -c "create table t as select g, md5(g::text) m from generate_series(1, 300000) g;
create index on t(m); select count(*), min(m), max(g) from t where m > '8';
select md5(string_agg(m, '' order by m)) from t;"
as pg_ctl -D "$T/db" -m fast stop > /dev/null
