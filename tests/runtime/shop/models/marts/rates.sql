select currency, rate from {{ source('bank', 'rates') }}
