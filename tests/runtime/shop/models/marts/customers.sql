select customer, count(*) as orders, sum(amount) as amount from {{ ref('clean_orders') }} group by customer
