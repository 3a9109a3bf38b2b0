// Ashlar command: the subcommands, each in a file of its name, and what each is told.  SPDX-License-Identifier: BSL-1.0
//
// All return the exit status and throw an Error, which is printed and is status 2. Nothing is printed before all of the
// work is done.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ashlar::command {

/// Exit statuses, as those of diff.
inline constexpr int status_good = 0;
inline constexpr int status_different = 1;
inline constexpr int status_trouble = 2;

struct InspectOptions {
  std::string file;
  std::vector<std::string> only;
  bool stats = false;
  bool histogram = false;
  bool check = false;
  bool json = false;
};
int inspect(InspectOptions const& options);

struct VerifyOptions {
  std::vector<std::string> files;
  bool quiet = false;
  bool json = false;
};
int verify(VerifyOptions const& options);

struct ConvertOptions {
  std::string in;
  std::string out;
  std::string to;  ///< "ashlar", "pt", "safetensors"; empty: by the extension of `out`
  std::string at;
  std::vector<std::string> only;
  std::vector<std::string> strip_prefix;
  std::vector<std::pair<std::string, std::string>> rename;
  std::vector<std::string> transpose;
  std::string dtype;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string model;
  std::vector<std::string> buffers;
  bool tensors_only = false;
  bool no_metadata = false;
  bool overwrite = false;
  bool quiet = false;
};
int convert(ConvertOptions const& options);

struct DiffOptions {
  std::string a;
  std::string b;
  std::vector<std::string> only;
  double atol = 0;
  double rtol = 0;
  bool ignore_dtype = false;
  bool quiet = false;
  bool json = false;
};
int diff(DiffOptions const& options);

struct SchemaOptions {
  std::string file;  ///< empty: the fixed schema
  bool layout = false;
};
int schema(SchemaOptions const& options);

struct CodegenOptions {
  std::string file;
  std::string out;  ///< empty: stdout
  std::string name = "Net";
  std::string space;
  std::string at;
  std::vector<std::string> strip_prefix;
  std::string dtype;
  std::vector<std::pair<std::string, std::string>> layers;
  bool plain = false;
  bool chain = false;
};
int codegen(CodegenOptions const& options);

}  // namespace ashlar::command
