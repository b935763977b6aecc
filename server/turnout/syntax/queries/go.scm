(function_declaration
  name: (_) @name
  body: (_)? @body) @definition.function

(method_declaration
  receiver: (parameter_list
    (parameter_declaration
      type: [
        (type_identifier) @container
        (pointer_type (type_identifier) @container)
        (generic_type type: (type_identifier) @container)
        (pointer_type (generic_type type: (type_identifier) @container))
      ]))
  name: (_) @name
  body: (_)? @body) @definition.method

(type_spec
  name: (_) @name
  type: (struct_type (field_declaration_list) @body)) @definition.struct

(type_spec
  name: (_) @name
  type: (interface_type)) @definition.interface

(type_spec
  name: (_) @name) @definition.type

(type_alias
  name: (_) @name) @definition.type

(interface_type
  (method_elem
    name: (_) @name) @definition.method)

(source_file
  (const_declaration
    (const_spec
      name: (identifier) @name) @definition.constant))

(source_file
  (var_declaration
    (var_spec
      name: (identifier) @name) @definition.constant))

(source_file
  (var_declaration
    (var_spec_list
      (var_spec
        name: (identifier) @name) @definition.constant)))

(import_spec
  name: (_)? @alias
  path: (_) @module) @import
