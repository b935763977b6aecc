(class_definition
  name: (identifier) @name
  body: (_) @body) @definition.class

(function_definition
  name: (identifier) @name
  body: (_) @body) @definition.function

(type_alias_statement
  left: (type) @name) @definition.type

(module
  (expression_statement
    (assignment
      left: (identifier) @name) @definition.constant))

(class_definition
  body: (block
    (expression_statement
      (assignment
        left: (identifier) @name) @definition.constant)))

(import_statement
  name: (dotted_name) @module) @import

(import_statement
  name: (aliased_import
    name: (dotted_name) @module
    alias: (identifier) @alias)) @import

(import_from_statement
  module_name: (_) @module
  name: (dotted_name) @imported) @import

(import_from_statement
  module_name: (_) @module
  name: (aliased_import
    name: (dotted_name) @imported
    alias: (identifier) @alias)) @import

(import_from_statement
  module_name: (_) @module
  (wildcard_import) @imported) @import
