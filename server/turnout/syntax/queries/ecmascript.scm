(class_declaration
  name: (_) @name
  body: (_) @body) @definition.class

(export_statement
  value: (class
    name: (_) @name
    body: (_) @body) @definition.class)

(function_declaration
  name: (_) @name
  body: (_) @body) @definition.function

(generator_function_declaration
  name: (_) @name
  body: (_) @body) @definition.function

(method_definition
  name: (_) @name
  body: (_) @body) @definition.method

(variable_declarator
  name: (identifier) @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
  ]) @definition.function

(variable_declarator
  name: (identifier) @name
  value: (class body: (_) @body)) @definition.class

(program
  (_
    (variable_declarator
      name: (identifier) @name) @definition.constant))

(export_statement
  (_
    (variable_declarator
      name: (identifier) @name) @definition.constant))

(assignment_expression
  left: (member_expression
    object: (_) @container
    property: (property_identifier) @name)
  right: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.function

(import_statement
  (import_clause
    (identifier) @alias)
  source: (string (string_fragment) @module)) @import.default

(import_statement
  (import_clause
    (namespace_import (identifier) @alias))
  source: (string (string_fragment) @module)) @import

(import_statement
  (import_clause
    (named_imports
      (import_specifier
        name: (_) @imported
        alias: (_)? @alias)))
  source: (string (string_fragment) @module)) @import

(import_statement
  .
  source: (string (string_fragment) @module)) @import

(export_statement
  (export_clause
    (export_specifier
      name: (_) @imported
      alias: (_)? @alias))
  source: (string (string_fragment) @module)) @import

(export_statement
  "*"
  source: (string (string_fragment) @module)) @import

(call_expression
  function: [(identifier) (import)] @_function
  arguments: (arguments . (string (string_fragment) @module))
  (#any-of? @_function "require" "import")) @import
