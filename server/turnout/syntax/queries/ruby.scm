(class
  name: (_) @name
  body: (_)? @body) @definition.class

(module
  name: (_) @name
  body: (_)? @body) @definition.module

(method
  name: (_) @name
  body: (_)? @body) @definition.function

(singleton_method
  name: (_) @name
  body: (_)? @body) @definition.function

(program
  (assignment
    left: (constant) @name) @definition.constant)

(body_statement
  (assignment
    left: (constant) @name) @definition.constant)

(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list . (string (string_content) @module))
  (#any-of? @_method "require" "load")) @import

(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list . (string (string_content) @module))
  (#eq? @_method "require_relative")) @import.ruby
