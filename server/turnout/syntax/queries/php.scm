(class_declaration
  name: (_) @name
  body: (_) @body) @definition.class

(interface_declaration
  name: (_) @name
  body: (_) @body) @definition.interface

(trait_declaration
  name: (_) @name
  body: (_) @body) @definition.class

(enum_declaration
  name: (_) @name
  body: (_) @body) @definition.enum

(function_definition
  name: (_) @name
  body: (_) @body) @definition.function

(method_declaration
  name: (_) @name
  body: (_)? @body) @definition.method

(const_declaration
  (const_element
    (name) @name)) @definition.constant

(namespace_use_declaration) @import.php

([
  (require_expression)
  (require_once_expression)
  (include_expression)
  (include_once_expression)
] @import.included)
