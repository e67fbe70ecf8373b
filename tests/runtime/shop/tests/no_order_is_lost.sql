select 1 from (select sum(orders) as n from {{ ref('customers') }}) c, (select count(*) as n from {{ ref('orders') }}) o
where c.n <> o.n
