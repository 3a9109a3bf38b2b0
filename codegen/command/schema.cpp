// ashlar schema: the FlatBuffers schema of a file's manifest.  SPDX-License-Identifier: BSL-1.0
#include "fixed_schema.hpp"  // generated: schemas/ashlar.fbs as text
#include "subcommands.hpp"
#include "terminal.hpp"

#include <ashlar/io/flat.hpp>
#include <ashlar/schema/schema.hpp>

namespace ashlar::command {

int schema(SchemaOptions const& options) {
  if (options.file.empty()) {
    write_out(fixed_schema);
    return status_good;
  }
  auto const file = FlatFile::open(options.file);
  write_out(options.layout ? std::string(file.layout()) : schema_text(file.rows(), file.model()));
  return status_good;
}

}  // namespace ashlar::command
