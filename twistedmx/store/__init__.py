"""What is remembered across restarts, in one SQLite file: written off the reactor's thread, many changes at a time.

    sqlite_file  the file: made, opened, brought to our schema, moved aside when it is damaged
    schema       its tables, as numbered steps
    database     the thread that alone uses it
    columns      values as SQLite keeps them
    blocks       entries of the blocklist in it
    allowed      networks that the operator allows

Whoever adds a table adds a step to `schema` and a file beside `blocks`.
"""
