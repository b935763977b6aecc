(function_declaration
  name: (identifier) @name
  body: (_)? @body) @definition.function

(function_declaration
  name: (dot_index_expression
    table: (_) @container
    field: (_) @name)
  body: (_)? @body) @definition.function

(function_declaration
  name: (method_index_expression
    table: (_) @container
    method: (_) @name)
  body: (_)? @body) @definition.method

(assignment_statement
  (variable_list
    . name: (identifier) @name)
  (expression_list
    . value: (function_definition
      body: (_)? @body))) @definition.function

(assignment_statement
  (variable_list
    . name: (dot_index_expression
      table: (_) @container
      field: (_) @name))
  (expression_list
    . value: (function_definition
      body: (_)? @body))) @definition.function

(field
  name: (identifier) @name
  value: (function_definition
    body: (_)? @body)) @definition.function

(chunk
  (variable_declaration
    (assignment_statement
      (variable_list
        . name: (identifier) @name)) @definition.constant))

(function_call
  name: (identifier) @_function
  arguments: (arguments (string content: (_) @module))
  (#any-of? @_function "require" "dofile")) @import
