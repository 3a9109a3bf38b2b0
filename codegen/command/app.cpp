// Ashlar command: see app.hpp.  SPDX-License-Identifier: BSL-1.0
//
// All that users are told of options stands here, once: --help, the completion scripts and the manual page are made of
// it.
#include "app.hpp"

#include "describe_app.hpp"
#include "subcommands.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/version.hpp>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstddef>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::command {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr char const* only_text = "Only keys that fit a pattern of *, ? and [...]; may be given more than once";

/// "FROM=TO", split at the first '='.
std::function<void(std::vector<std::string> const&)> into(Pairs& to, char const* option) {
  return [&to, option](std::vector<std::string> const& given) {
    for (std::string const& text : given) {
      std::size_t const at = text.find('=');
      if (at == std::string::npos) throw CLI::ValidationError(option, fmt::format("'{}' has no '='", text));
      to.emplace_back(text.substr(0, at), text.substr(at + 1));
    }
  };
}
/// An option that takes one word at a time, so that what follows is no part of it.
CLI::Option* each(CLI::Option* option) { return option->expected(1)->take_all()->allow_extra_args(false); }

CLI::Validator const tolerance{[](std::string& text) {
                                 double x = 0;
                                 bool const good = CLI::detail::lexical_cast(text, x) && x >= 0;
                                 return good ? std::string() : fmt::format("'{}' is no tolerance", text);
                               },
                               ""};

/// All subcommands' options, and the exit status of the one that ran.
struct Options {
  InspectOptions inspect;
  VerifyOptions verify;
  ConvertOptions convert;
  DiffOptions diff;
  SchemaOptions schema;
  CodegenOptions codegen;
  bool fixed_schema = false;
  std::string shell;
  int status = status_good;
};

void add_inspect(CLI::App& app, Options& all) {
  InspectOptions& o = all.inspect;
  CLI::App* const sub = app.add_subcommand("inspect", "Show what is in a file: tensors, shapes, dtypes, sizes, values");
  sub->add_option("FILE", o.file, "An .ashlar, .pt, .pth or .safetensors file")->required();
  each(sub->add_option("--only", o.only, only_text))->type_name("GLOB");
  sub->add_flag("--stats", o.stats, "Least, largest and mean element, standard deviation, zeros, NaNs, infinities");
  sub->add_flag("--histogram", o.histogram, "The same, and 16 bars from the least to the largest element");
  sub->add_flag("--check", o.check, "Compare all checksums first; without, only the headers are read");
  sub->add_flag("--json", o.json, "Print JSON");
  sub->footer(
      "Examples:\n"
      "  ashlar inspect mlp.ashlar\n"
      "  ashlar inspect checkpoint.pt --only 'model.*' --stats\n"
      "  ashlar inspect mlp.safetensors --json | jq .totals");
  sub->callback([&all] { all.status = inspect(all.inspect); });
}

void add_verify(CLI::App& app, Options& all) {
  VerifyOptions& o = all.verify;
  CLI::App* const sub = app.add_subcommand("verify", "Check all of a file: checksums, CRCs, every rule of its format");
  sub->add_option("FILE", o.files, "Files of any format")->required();
  sub->add_flag("-q,--quiet", o.quiet, "Say nothing of files that are sound");
  sub->add_flag("--json", o.json, "Print JSON");
  sub->footer(
      "Every problem is listed. Exit status: 0 if all files are sound, else 2.\n\n"
      "Examples:\n"
      "  ashlar verify mlp.ashlar\n"
      "  ashlar verify --quiet weights/*.pt");
  sub->callback([&all] { all.status = verify(all.verify); });
}

void add_convert(CLI::App& app, Options& all) {
  ConvertOptions& o = all.convert;
  CLI::App* const sub = app.add_subcommand("convert", "Write a file in another format, or with other keys and dtypes");
  sub->add_option("IN", o.in, "A file of any format, known by its content")->required();
  sub->add_option("OUT", o.out, "Its extension says the format: .ashlar, .pt, .pth, .bin, .safetensors")->required();
  sub->add_option("--to", o.to, "The format, whatever the extension")
      ->check(CLI::IsMember({"ashlar", "pt", "safetensors"}))
      ->type_name("FORMAT");
  sub->add_option("--at", o.at, "The part of a checkpoint that is converted: model, or models.0")->type_name("PATH");
  each(sub->add_option("--only", o.only, only_text))->type_name("GLOB");
  each(sub->add_option("--strip-prefix", o.strip_prefix, "Take this off the front of keys: module., _orig_mod."))
      ->type_name("PREFIX");
  each(sub->add_option_function<std::vector<std::string>>("--rename", into(o.rename, "--rename"),
                                                          "What is or lies under FROM lies under TO"))
      ->type_name("FROM=TO");
  each(sub->add_option("--transpose", o.transpose, "Exchange rows and columns of a matrix, by its new key"))
      ->type_name("KEY");
  sub->add_option("--dtype", o.dtype, "Round floating-point tensors to this dtype; what that changes is reported")
      ->check(CLI::IsMember({"f64", "f32", "f16", "bf16"}))
      ->type_name("DTYPE");
  each(sub->add_option_function<std::vector<std::string>>("--metadata", into(o.metadata, "--metadata"),
                                                          "Text that the file carries (.ashlar, .safetensors)"))
      ->type_name("KEY=TEXT");
  sub->add_option("--model", o.model, "What an .ashlar file calls what it holds")->type_name("NAME");
  each(sub->add_option("--buffer", o.buffers, "Keys that are no parameters, where only .ashlar says it"))
      ->type_name("GLOB");
  sub->add_flag("--tensors-only", o.tensors_only, "Leave out numbers, text and all else that is no tensor");
  sub->add_flag("--no-metadata", o.no_metadata, "Leave out the text that the file carries, and versions of modules");
  sub->add_flag("--overwrite", o.overwrite, "OUT may be IN");
  sub->add_flag("-q,--quiet", o.quiet, "Say nothing of what was written and left out");
  sub->footer(
      "Nothing is lost without an option that says so; OUT is replaced once it is complete. Of PyTorch's files "
      "nothing\n"
      "is run. Rules are applied in this order: --at, --only, --strip-prefix, --rename, --transpose, --dtype.\n\n"
      "Examples:\n"
      "  ashlar convert mlp.pt mlp.ashlar\n"
      "  ashlar convert checkpoint.pt mlp.safetensors --at model --strip-prefix module.\n"
      "  ashlar convert mlp.ashlar half.pt --dtype f16 --rename hidden=fc1");
  sub->callback([&all] { all.status = convert(all.convert); });
}

void add_diff(CLI::App& app, Options& all) {
  DiffOptions& o = all.diff;
  CLI::App* const sub = app.add_subcommand("diff", "Say what differs between two files of any formats");
  sub->add_option("A", o.a, "A file of any format")->required();
  sub->add_option("B", o.b, "Another one")->required();
  each(sub->add_option("--only", o.only, only_text))->type_name("GLOB");
  sub->add_option("--atol", o.atol, "Elements may differ by this")->check(tolerance)->type_name("X");
  sub->add_option("--rtol", o.rtol, "and by this times the element of B")->check(tolerance)->type_name("X");
  sub->add_flag("--ignore-dtype", o.ignore_dtype, "Compare the values of tensors of different dtypes");
  sub->add_flag("-q,--quiet", o.quiet, "Only the exit status");
  sub->add_flag("--json", o.json, "Print JSON");
  sub->footer(
      "NaN equals NaN. Exit status: 0 if all is equal, 1 if something differs, 2 for errors.\n\n"
      "Examples:\n"
      "  ashlar diff mlp.pt mlp.ashlar\n"
      "  ashlar diff a.safetensors b.safetensors --rtol 1e-3 --atol 1e-6\n"
      "  ashlar diff mlp.pt half.pt --ignore-dtype --rtol 1e-3");
  sub->callback([&all] { all.status = diff(all.diff); });
}

void add_schema(CLI::App& app, Options& all) {
  SchemaOptions& o = all.schema;
  CLI::App* const sub = app.add_subcommand("schema", "Print the FlatBuffers schema of an .ashlar file's manifest");
  CLI::Option* const file = sub->add_option("FILE", o.file, "An .ashlar file");
  CLI::Option* const fixed = sub->add_flag("--fixed", all.fixed_schema, "ashlar.fbs, which all of them include");
  CLI::Option* const layout = sub->add_flag("--layout", o.layout, "The text that the file's fingerprint is of");
  fixed->excludes(file);
  layout->needs(file);
  sub->footer(
      "Examples:\n"
      "  ashlar schema mlp.ashlar > mlp.fbs\n"
      "  ashlar schema --fixed > ashlar.fbs && flatc --python mlp.fbs ashlar.fbs\n"
      "  ashlar schema --layout mlp.ashlar");
  sub->callback([&all] {
    if (all.schema.file.empty() && !all.fixed_schema) throw CLI::RequiredError("FILE or --fixed");
    all.status = schema(all.schema);
  });
}

void add_codegen(CLI::App& app, Options& all) {
  CodegenOptions& o = all.codegen;
  CLI::App* const sub = app.add_subcommand("codegen", "Write a header with the C++ struct that loads a file");
  sub->add_option("FILE", o.file, "A file of any format")->required();
  sub->add_option("--name", o.name, "What the struct is called: Net")->type_name("NAME");
  sub->add_option("-o,--output", o.out, "The header; without, it is printed")->type_name("FILE");
  sub->add_option("--namespace", o.space, "Where the struct stands: a::b")->type_name("NAME");
  sub->add_option("--at", o.at, "The part of a checkpoint that is meant: model, or models.0")->type_name("PATH");
  each(sub->add_option("--strip-prefix", o.strip_prefix, "Take this off the front of keys: module., _orig_mod."))
      ->type_name("PREFIX");
  sub->add_option("--dtype", o.dtype, "The type of all floating-point tensors, which load converts")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->type_name("DTYPE");
  each(sub->add_option_function<std::vector<std::string>>("--layer", into(o.layers, "--layer"),
                                                          "What the file does not tell of a module: GroupNorm<8>"))
      ->type_name("KEY=LAYER");
  sub->add_flag("--plain", o.plain, "Parameters and buffers only, no layers of the library");
  sub->add_flag("--chain", o.chain, "Structs run their members in order, which no file says");
  sub->footer(
      "Layers are recognised by their keys and shapes; an .ashlar file tells them. What no file says, as the order in\n"
      "which layers run, stands in comments. --layer names what a number outside of the file makes of a module, or "
      "what\n"
      "looks like several layers; * in its key stands for any text without a dot. LAYER is GroupNorm<groups>,\n"
      "MultiheadAttention<heads>, Conv1d, Conv2d, ConvTranspose1d or ConvTranspose2d, each also with <groups>,\n"
      "InstanceNorm1d, InstanceNorm2d, LayerNorm, RMSNorm, PReLU, Linear or Embedding.\n\n"
      "Examples:\n"
      "  ashlar codegen mlp.pt --name MLP -o mlp.hpp\n"
      "  ashlar codegen gpt.pt --layer 'blocks.*.attention=MultiheadAttention<12>'\n"
      "  ashlar codegen checkpoint.pt --at model --strip-prefix module. --namespace nets --chain");
  sub->callback([&all] { all.status = codegen(all.codegen); });
}

void add_completion(CLI::App& app, Options& all) {
  CLI::App* const sub = app.add_subcommand("completion", "Print a completion script for a shell");
  sub->add_option("SHELL", all.shell, "bash, zsh or fish; man for the manual page")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}))
      ->type_name("");
  sub->footer(
      "Examples:\n"
      "  source <(ashlar completion bash)\n"
      "  ashlar completion fish > ~/.config/fish/completions/ashlar.fish");
  sub->callback([&app, &all] { write_out(completion_script(app, all.shell)); });
}

/// CLI11 says of an unknown one that there is none.
void require_subcommand(CLI::App const& app, std::string_view word) {
  if (word.starts_with('-')) return;
  std::string_view best;
  std::size_t least = 3;  // edits from what can have been meant
  for (CLI::App const* const sub : app.get_subcommands([](CLI::App const*) { return true; })) {
    std::string_view const name = sub->get_name();
    if (name == word) return;
    std::size_t const edits = detail::edit_distance(word, name, least);
    if (edits < least) {
      least = edits;
      best = name;
    }
  }
  throw Error(Errc::value, fmt::format("there is no subcommand '{}'{}\nTry 'ashlar --help'.", shown(word),
                                       best.empty() ? "" : fmt::format(": did you mean {}?", best)));
}

}  // namespace

int run_app(int argc, char** argv) {
  // Who reads our output may have enough of it, as head has: that is no error.
  std::signal(SIGPIPE, SIG_DFL);
  Options all;
  CLI::App app("Looks at, checks, compares and converts files of weights: .ashlar, .safetensors, PyTorch's .pt",
               "ashlar");
  app.set_version_flag("--version", fmt::format("ashlar {}", ashlar::version));
  app.set_help_flag("-h,--help", "This text");
  app.require_subcommand(1);
  app.get_formatter()->column_width(32);
  add_inspect(app, all);
  add_verify(app, all);
  add_convert(app, all);
  add_diff(app, all);
  add_schema(app, all);
  add_codegen(app, all);
  add_completion(app, all);
  for (CLI::App* const sub : app.get_subcommands({})) sub->set_help_flag("-h,--help", "This text");
  shorten_help(app);
  app.footer(
      "Exit status: 0, all is well; 1, diff found differences; 2, an error, which stderr says.\n"
      "ashlar SUBCOMMAND --help has examples.");
  if (argc > 1) require_subcommand(app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (CLI::Success const& e) {  // --help, --version
    std::ostringstream text;
    app.exit(e, text, text);
    write_out(text.str());
    return status_good;
  } catch (CLI::ParseError const& e) {
    throw Error(Errc::value, fmt::format("{}\nTry 'ashlar --help'.", e.what()));
  }
  return all.status;
}

}  // namespace ashlar::command
