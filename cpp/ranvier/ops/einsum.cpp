#include "ranvier/ops/einsum.h"

#include <algorithm>

#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {
namespace {

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

template <class Keep>
std::string chosen(const std::string& labels, Keep keep) {
  std::string some;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(some), keep);
  return some;
}

/// One term: letters, and at most one ellipsis, written '.'.
std::string term_from(const std::string& text, const std::string& equation) {
  std::string labels;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, "...") == 0) {
      check(!has(labels, '.'), "einsum: expected at most one ellipsis in a term, received equation '", equation, "'");
      labels += '.';
      i += 2;
      continue;
    }
    const char c = text[i];
    check((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), "einsum: expected letters and '...', received equation '",
          equation, "'");
    check(!has(labels, c), "einsum: expected every letter once in a term (diagonals are not supported), received '", c,
          "' twice in equation '", equation, "'");
    labels += c;
  }
  return labels;
}

/// A tensor and the label of each of its axes. Axes of an ellipsis are numbered from the right: '\1' is the last.
struct Operand {
  Tensor x;
  std::string labels;

  Index size(char label) const {
    const auto at = labels.find(label);
    return at == std::string::npos ? 1 : x.dim(static_cast<int>(at));
  }
};

bool elided(char label) { return label <= max_rank; }

/// Its tensor with the axes in this order.
Tensor ordered(const Operand& from, const std::string& labels) {
  if (from.labels == labels) return from.x;
  std::vector<Index> order;
  for (const char label : labels) order.push_back(static_cast<Index>(from.labels.find(label)));
  return transpose(from.x, order);
}

/// Summed over the axes whose labels nobody needs.
Operand reduced(const Operand& from, const std::string& needed) {
  Operand to{from.x, ""};
  Axes gone;
  for (std::size_t i = 0; i < from.labels.size(); ++i) {
    if (has(needed, from.labels[i])) {
      to.labels += from.labels[i];
    } else {
      gone.push_back(static_cast<Index>(i));
    }
  }
  if (!gone.empty()) to.x = sum(from.x, gone);
  return to;
}

Index product(const Operand& of, const std::string& labels) {
  Index n = 1;
  for (const char label : labels) n *= of.size(label);
  return n;
}

void append_sizes(std::vector<Index>& shape, const Operand& of, const std::string& labels) {
  for (const char label : labels) shape.push_back(of.size(label));
}

/// Σ over what both have and `needed` has not. The product is (batch…, m, k)·(batch…, k, n) with letters merged; an
/// operand that already lies the other way round is multiplied transposed instead of being moved.
Operand contracted(const Operand& first, const Operand& second, const std::string& needed) {
  Operand a = reduced(first, needed + second.labels);
  Operand b = reduced(second, needed + a.labels);
  // The operand whose own letters come first in the result is the left one.
  const auto own_place = [&](const Operand& own, const Operand& other) {
    for (std::size_t i = 0; i < needed.size(); ++i) {
      if (has(own.labels, needed[i]) && !has(other.labels, needed[i])) return i;
    }
    return needed.size();
  };
  if (own_place(b, a) < own_place(a, b)) std::swap(a, b);

  const auto shared = [&](char label) { return has(a.labels, label) && has(b.labels, label); };
  const std::string batch = chosen(needed, shared);
  const auto summed = [&](char label) { return shared(label) && !has(needed, label); };
  const std::string k = chosen(a.x.numel() >= b.x.numel() ? a.labels : b.labels, summed);
  const std::string m = chosen(a.labels, [&](char c) { return !has(batch, c) && !has(k, c); });
  const std::string n = chosen(b.labels, [&](char c) { return !has(batch, c) && !has(k, c); });

  const auto matrix = [&](const Operand& of, const std::string& rows, const std::string& columns, bool turned) {
    std::vector<Index> shape;
    append_sizes(shape, of, batch);
    shape.push_back(product(of, turned ? columns : rows));
    shape.push_back(product(of, turned ? rows : columns));
    return reshape(ordered(of, batch + (turned ? columns + rows : rows + columns)), shape);
  };
  const bool turned_a = !k.empty() && a.labels == batch + k + m;
  const bool turned_b = !k.empty() && b.labels == batch + n + k;
  const Tensor y = matmul(matrix(a, m, k, turned_a), matrix(b, k, n, turned_b), turned_a, turned_b);
  std::vector<Index> shape(y.shape().begin(), y.shape().end() - 2);
  append_sizes(shape, a, m);
  append_sizes(shape, b, n);
  return {reshape(y, shape), batch + m + n};
}

}  // namespace

EinsumTerms einsum_terms(const std::string& equation) {
  std::string text;
  for (const char c : equation) {
    if (c != ' ') text += c;
  }
  const auto arrow = text.find("->");
  EinsumTerms terms;
  for (std::size_t from = 0, end = std::min(arrow, text.size()); from <= end;) {
    const std::size_t comma = std::min(text.find(',', from), end);
    terms.inputs.push_back(term_from(text.substr(from, comma - from), equation));
    from = comma + 1;
  }
  std::string all;
  for (const std::string& labels : terms.inputs) all += labels;
  if (arrow == std::string::npos) {
    std::string sorted = all;
    std::sort(sorted.begin(), sorted.end());
    if (has(all, '.')) terms.output = ".";
    for (const char c : sorted) {
      if (c != '.' && std::count(all.begin(), all.end(), c) == 1) terms.output += c;
    }
    return terms;
  }
  terms.output = term_from(text.substr(arrow + 2), equation);
  check(!has(all, '.') || has(terms.output, '.'),
        "einsum: expected '...' in the output as in the inputs, received "
        "equation '",
        equation, "'");
  for (const char c : terms.output) {
    check(has(all, c), "einsum: expected output letters that an input has, received '",
          c == '.' ? "..." : std::string(1, c), "' in equation '", equation, "'");
  }
  return terms;
}

Tensor einsum(const std::string& equation, const std::vector<Tensor>& xs) {
  EinsumTerms terms = einsum_terms(equation);
  check(terms.inputs.size() == xs.size(), "einsum: expected ", terms.inputs.size(), " operands for equation '",
        equation, "', received ", xs.size());
  std::vector<Operand> operands;
  std::string ellipsis;  // of the operand that has most axes there
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const std::string& labels = terms.inputs[i];
    const int named = static_cast<int>(labels.size()) - (has(labels, '.') ? 1 : 0);
    const int rest = xs[i].rank() - named;
    check(has(labels, '.') ? rest >= 0 : rest == 0, "einsum: expected operand ", i, " of equation '", equation,
          "' with ", has(labels, '.') ? "at least " : "", named, " axes, received shape ", xs[i].shape());
    std::string axes;
    for (int axis = rest; axis > 0; --axis) axes += static_cast<char>(axis);
    if (axes.size() > ellipsis.size()) ellipsis = axes;
    std::string full;
    for (const char c : labels) full += c == '.' ? axes : std::string(1, c);
    operands.push_back({xs[i], full});
  }
  std::string output;
  for (const char c : terms.output) output += c == '.' ? ellipsis : std::string(1, c);
  for (const Operand& a : operands) {
    for (const Operand& b : operands) {
      for (const char c : a.labels) {
        if (!has(b.labels, c)) continue;
        const bool fits = a.size(c) == b.size(c) || (elided(c) && (a.size(c) == 1 || b.size(c) == 1));
        check(fits, "einsum: expected equal sizes under '", elided(c) ? "..." : std::string(1, c), "' of equation '",
              equation, "', received operands with shapes ", a.x.shape(), " and ", b.x.shape());
      }
    }
  }
  Operand result = operands.front();
  for (std::size_t i = 1; i < operands.size(); ++i) {
    std::string needed = output;
    for (std::size_t j = i + 1; j < operands.size(); ++j) needed += operands[j].labels;
    std::string once;
    for (const char c : needed) {
      if (!has(once, c)) once += c;
    }
    result = contracted(result, operands[i], once);
  }
  return ordered(reduced(result, output), output);
}

}  // namespace ranvier::ops
