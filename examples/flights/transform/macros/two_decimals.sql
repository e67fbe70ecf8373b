{# Rounded as a decimal, then a double again: the same value to the last bit in DuckDB and in PostgreSQL. #}
{% macro two_decimals(number) -%}
    cast(round(cast({{ number }} as decimal(18, 6)), 2) as double precision)
{%- endmacro %}
