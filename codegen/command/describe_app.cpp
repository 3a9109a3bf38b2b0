// Ashlar command: see describe_app.hpp.  SPDX-License-Identifier: BSL-1.0
#include "describe_app.hpp"

#include <ashlar/version.hpp>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::command {
namespace {

struct Flag {
  std::vector<std::string> names;  // "-q", "--quiet"
  std::string argument;  // "GLOB"; empty if it takes none
  std::string text;
  std::vector<std::string> words;  // what the argument can be
};
struct Part {
  std::string name;
  std::string text;
  std::string footer;
  std::vector<Flag> flags;
  std::vector<Flag> operands;
};

/// Words that an argument is one of, which CLI11 has in the description of its check: "{f64,f32}".
std::vector<std::string> words_of(CLI::Option const& option) {
  std::string const type = option.get_type_name();
  std::size_t const begin = type.find('{');
  std::size_t const end = type.rfind('}');
  std::vector<std::string> out;
  if (begin == std::string::npos || end == std::string::npos || end < begin) return out;
  std::istringstream list(type.substr(begin + 1, end - begin - 1));
  for (std::string word; std::getline(list, word, ',');) out.push_back(word);
  return out;
}

Part part_of(CLI::App const& app) {
  Part out{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (CLI::Option const* option : app.get_options()) {
    Flag flag;
    for (std::string const& s : option->get_snames()) flag.names.push_back("-" + s);
    for (std::string const& s : option->get_lnames()) flag.names.push_back("--" + s);
    flag.text = option->get_description();
    flag.words = words_of(*option);
    if (option->get_items_expected_max() != 0) flag.argument = option->get_type_name();
    if (std::size_t const at = flag.argument.find(":"); at != std::string::npos) flag.argument.resize(at);
    if (flag.names.empty()) {
      flag.argument = option->get_name();
      out.operands.push_back(std::move(flag));
    } else {
      out.flags.push_back(std::move(flag));
    }
  }
  return out;
}
std::vector<Part> parts_of(CLI::App const& app) {
  std::vector<Part> out;
  for (CLI::App const* sub : app.get_subcommands([](CLI::App const*) { return true; })) out.push_back(part_of(*sub));
  return out;
}

std::string joined(std::vector<std::string> const& words, std::string_view between) {
  std::string out;
  for (std::string const& w : words) out += (out.empty() ? "" : std::string(between)) + w;
  return out;
}
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}
bool takes_files(Part const& part) { return !part.operands.empty() && part.operands[0].words.empty(); }

// ---- bash
// ------------------------------------------------------------------------------------------------------------

std::string bash(std::vector<Part> const& parts) {
  std::string out =
      "# bash completion for ashlar, printed by `ashlar completion bash`\n"
      "_ashlar() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= files=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  std::vector<std::string> names;
  for (Part const& p : parts) names.push_back(p.name);
  out += fmt::format("    words=\"{} --help --version\"\n  else\n    case ${{COMP_WORDS[1]}} in\n", joined(names, " "));
  for (Part const& p : parts) {
    std::vector<std::string> flags;
    std::string values;
    for (Flag const& f : p.flags) {
      flags.insert(flags.end(), f.names.begin(), f.names.end());
      if (f.argument.empty()) continue;
      values += fmt::format("          {}) words=\"{}\" ;;\n", joined(f.names, " | "), joined(f.words, " "));
    }
    out += fmt::format("      {})\n        case $before in\n{}", p.name, values);
    std::vector<std::string> all = flags;
    if (!p.operands.empty()) all.insert(all.end(), p.operands[0].words.begin(), p.operands[0].words.end());
    out += fmt::format("          *) words=\"{}\"{} ;;\n        esac ;;\n", joined(all, " "),
                       takes_files(p) ? " files=1" : "");
  }
  out +=
      "    esac\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "  if [ -n \"$files\" ] && [[ $word != -* ]]; then COMPREPLY=($(compgen -f -- \"$word\")); fi\n"
      "}\n"
      "complete -o filenames -F _ashlar ashlar\n";
  return out;
}

// ---- zsh
// -------------------------------------------------------------------------------------------------------------

std::string zsh_text(std::string text) {
  for (char const* c : {"[", "]", ":"}) text = replaced(text, c, std::string("\\") + c);
  return replaced(text, "'", "'\\''");
}
std::string zsh(std::vector<Part> const& parts) {
  std::string out =
      "#compdef ashlar\n# zsh completion for ashlar, printed by `ashlar completion zsh`\n_ashlar() {\n"
      "  local -a subcommands\n  subcommands=(\n";
  for (Part const& p : parts) out += fmt::format("    '{}:{}'\n", p.name, zsh_text(p.text));
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe subcommand subcommands\n    return\n  fi\n"
      "  local subcommand=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $subcommand in\n";
  for (Part const& p : parts) {
    out += fmt::format("    {})\n      _arguments -s", p.name);
    for (Flag const& f : p.flags) {
      std::string const action = f.argument.empty() ? ""
                                 : f.words.empty()  ? fmt::format(":{}:", f.argument)
                                                    : fmt::format(":{}:({})", f.argument, joined(f.words, " "));
      for (std::string const& name : f.names) {
        out += fmt::format(" \\\n        '*{}[{}]{}'", name, zsh_text(f.text), action);
      }
    }
    if (takes_files(p)) out += " \\\n        '*:file:_files'";
    else if (!p.operands.empty()) out += fmt::format(" \\\n        '1:word:({})'", joined(p.operands[0].words, " "));
    out += " ;;\n";
  }
  // Read by `source` it is told of the function, as a file of $fpath it is the function.
  return out + "  esac\n}\nif [ \"$funcstack[1]\" = _ashlar ]; then _ashlar \"$@\"; else compdef _ashlar ashlar; fi\n";
}

// ---- fish
// ------------------------------------------------------------------------------------------------------------

std::string fish(std::vector<Part> const& parts) {
  std::string out =
      "# fish completion for ashlar, printed by `ashlar completion fish`\n"
      "complete -c ashlar -n __fish_use_subcommand -f\n";
  auto const quoted = [](std::string const& text) { return "'" + replaced(text, "'", "\\'") + "'"; };
  for (Part const& p : parts) {
    out += fmt::format("complete -c ashlar -n __fish_use_subcommand -a {} -d {}\n", p.name, quoted(p.text));
  }
  for (Part const& p : parts) {
    std::string const here = fmt::format("complete -c ashlar -n '__fish_seen_subcommand_from {}'", p.name);
    for (Flag const& f : p.flags) {
      out += here;
      for (std::string const& name : f.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!f.argument.empty()) out += f.words.empty() ? " -x" : fmt::format(" -x -a '{}'", joined(f.words, " "));
      out += fmt::format(" -d {}\n", quoted(f.text));
    }
    if (!takes_files(p) && !p.operands.empty()) {
      out += fmt::format("{} -f -a '{}'\n", here, joined(p.operands[0].words, " "));
    }
  }
  return out;
}

// ---- manual page
// -----------------------------------------------------------------------------------------------------

std::string roff(std::string text) {
  text = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
  // A dot or quote at the beginning of a line would be a request.
  return (text.starts_with(".") || text.starts_with("'") ? "\\&" : "") + text;
}
void roff_flag(std::string& out, Flag const& f) {
  out += ".TP\n";
  std::string names;
  for (std::string const& n : f.names) names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(n));
  if (!f.argument.empty()) names += fmt::format("{}\\fI{}\\fR", names.empty() ? "" : " ", roff(f.argument));
  out += names + "\n" + roff(f.text);
  if (!f.words.empty()) out += fmt::format(" ({})", roff(joined(f.words, ", ")));
  out += ".\n";
}
/// Paragraphs; lines that are indented stay as they are.
void roff_footer(std::string& out, std::string const& footer) {
  std::istringstream lines(footer);
  bool verbatim = false;
  for (std::string line; std::getline(lines, line);) {
    bool const indented = line.starts_with("  ");
    if (indented != verbatim) out += indented ? ".PP\n.nf\n" : ".fi\n";
    verbatim = indented;
    if (line.empty()) out += ".PP\n";
    else out += roff(indented ? "    " + line.substr(2) : line) + "\n";
  }
  if (verbatim) out += ".fi\n";
}
std::string manual(CLI::App const& app, std::vector<Part> const& parts) {
  Part const whole = part_of(app);
  std::string out =
      fmt::format(".\\\" Printed by `ashlar completion man`.\n.TH ASHLAR 1 \"\" \"ashlar {}\"\n", ashlar::version);
  out += fmt::format(".SH NAME\nashlar \\- files of weights\n.SH SYNOPSIS\n");
  for (Part const& p : parts) {
    out += fmt::format(".B ashlar {}\n", p.name);
    for (Flag const& f : p.operands) out += fmt::format(".I {}\n", roff(f.argument));
    out += "[\\fIoption\\fR ...]\n.br\n";
  }
  out += fmt::format(".SH DESCRIPTION\n{}.\n", roff(whole.text));
  out += "Formats are known by a file's first bytes, and nothing in a file is run.\n";
  for (Part const& p : parts) {
    out += fmt::format(".SH ASHLAR {}\n{}.\n", p.name, roff(p.text));
    for (Flag const& f : p.operands) roff_flag(out, f);
    for (Flag const& f : p.flags) roff_flag(out, f);
    out += ".PP\n";
    roff_footer(out, p.footer);
  }
  out +=
      ".SH EXIT STATUS\n.TP\n0\nAll is well.\n.TP\n1\n\\fBdiff\\fR found differences.\n.TP\n2\n"
      "An error, which stderr says: a line that begins with \\fBashlar:\\fR, and a line for each problem.\n"
      ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nIf it is not empty, terminals get no colours; files and pipes never "
      "do.\n"
      ".TP\n\\fBLC_ALL\\fR, \\fBLC_CTYPE\\fR, \\fBLANG\\fR\nIf the locale is UTF\\-8, terminals get lines and bars.\n";
  return out;
}

}  // namespace

void shorten_help(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    std::vector<std::string> const words = words_of(*option);
    bool const is_positional = option->get_positional();
    bool const takes_none = option->get_items_expected_max() == 0;
    if (is_positional || takes_none) option->option_text(" ");
    else option->option_text(words.empty() ? option->get_type_name() : joined(words, "|"));
  }
  for (CLI::App* sub : app.get_subcommands([](CLI::App const*) { return true; })) shorten_help(*sub);
}

std::string completion_script(CLI::App const& app, std::string const& shell) {
  std::vector<Part> const parts = parts_of(app);
  if (shell == "bash") return bash(parts);
  if (shell == "zsh") return zsh(parts);
  if (shell == "fish") return fish(parts);
  return manual(app, parts);
}

}  // namespace ashlar::command
