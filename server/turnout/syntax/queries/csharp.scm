(class_declaration
  name: (_) @name
  body: (_)? @body) @definition.class

(record_declaration
  name: (_) @name
  body: (_)? @body) @definition.class

(struct_declaration
  name: (_) @name
  body: (_)? @body) @definition.struct

(interface_declaration
  name: (_) @name
  body: (_)? @body) @definition.interface

(enum_declaration
  name: (_) @name
  body: (_)? @body) @definition.enum

(delegate_declaration
  name: (_) @name) @definition.type

(method_declaration
  name: (_) @name
  body: (_)? @body) @definition.method

(constructor_declaration
  name: (_) @name
  body: (_)? @body) @definition.method

(local_function_statement
  name: (_) @name
  body: (_)? @body) @definition.function

(property_declaration
  name: (_) @name
  accessors: (_)? @body) @definition.constant

(field_declaration
  (variable_declaration
    (variable_declarator
      name: (_) @name))) @definition.constant

(using_directive) @import.csharp
