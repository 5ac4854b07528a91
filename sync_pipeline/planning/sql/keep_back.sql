{#- Jinja macros for fields that wait: `waiting` is a table operation_id × field. -#}

{%- macro without(operation, waiting) -%}
(
        select coalesce(to_json(list(change)), '[]'::json)
        from (select unnest(planning.changes_of({{ operation }}.fields)) as change)
        where change.field not in (select field from {{ waiting }} as waiting where waiting.operation_id = {{ operation }}.operation_id))
{%- endmacro -%}

{#- an operation that has nothing left to write -#}
{%- macro is_empty() -%}
fields::varchar = '[]' and coalesce(detail ->> 'account_id', '') = '' and coalesce(detail ->> 'stamp', '') = ''
  and coalesce(detail ->> 'categorise', 'false') = 'false' and (detail ->> 'problem') is null
{%- endmacro -%}

{#- Takes the waiting fields from their operations and bases; a display name waits with a part of the name. An update that is
    left with nothing is dropped; a move still moves. -#}
{%- macro keep_back(operations, waiting, names) %}
update {{ operations }} as operation set
    fields = {{ without('operation', waiting) }},
    detail = case when exists (select 1 from {{ waiting }} as waiting
                               where waiting.operation_id = operation.operation_id and list_contains({{ names }}, waiting.field))
                  then json_merge_patch(detail, '{"display_name": null}') else detail end
where operation_id in (select operation_id from {{ waiting }});

delete from planning.base_updates where (operation_id, field) in (select (operation_id, field) from {{ waiting }});

delete from {{ operations }}
where operation_id in (select operation_id from {{ waiting }}) and action = 'update' and {{ is_empty() }};
{%- endmacro -%}
