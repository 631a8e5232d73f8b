// OutputMatcher: what a correct pipeline must put out against what was put out, for the four
// outputs of the reference pipeline. Both sides may be told in any interleaving: a verification may
// read while the run goes on and make the expected side afterwards, or the other way round.
//
// How each output is matched (docs/verify.md says why):
//   player-session-summaries  per player: how many; the content is always the same
//   purchase-aggregates       per user, by transaction_count; totals compare as f64
//   server-alerts             per server, by whole content; as often as expected, in any order
//   fraud-alerts              per user: how many of each reason, those about currencies first
// An id that is not one of this run is unexpected, or foreign when a run with another prefix, or
// another shard of this one, would write it. What is no output at all is unreadable, unless it
// stands for one of its user or server that is missing: then it is wrong.
//
// With `forget` and `places`, nothing is kept of users who have left, all of whose outputs came.
// With `forget`, of the aggregates and server alerts those that matched are only counted; a verdict
// on keys whose sides differ takes them again: Recall().
//
// Memory: 21 to 43 bytes a player, half as much again while their table grows; 200 bytes a user who
// buys, 16 bytes (32 at most, for room to grow) for each purchase event and 32 (64) for each server
// alert (with `forget`: of those that are outstanding); twice that for what does not match, and up
// to kMostUncalled records of each output (uncalled.h) that nothing calls for, where Full() is
// heeded, or what is added is settled and of strangers. With `forget`, aggregates and server alerts
// about users and servers of the run that nothing calls for are all kept.
// Threads: one thread at a time.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "generator/judge/produced.h"
#include "generator/judge/trigger.h"
#include "generator/judge/verdict.h"
#include "generator/oracle/oracle.h"
#include "generator/replay/outputs.h"

namespace playload {

class OutputMatcher {
 public:
  struct Options {
    std::string id_prefix;  // of the run
    // Whether a user's purchase events reach a pipeline in the order of the plan. They do when
    // their topic is keyed by user. Otherwise (profile compat, keyed by transaction) totals and the
    // point from which several currencies are known depend on the order: only what holds in every
    // order is judged.
    bool user_order = true;
    OwnNumber own;
    // Whether the events' timestamps are known: polled events carry the instant of their request.
    bool timestamps = true;
    // Forget aggregates and server alerts that matched: see Recall().
    bool forget = false;
    // With `forget` and `user_order`: how many places there are for players (lives.h), where none
    // of their events come when they have left. Then users who have left are let go of. 0: nobody
    // is known to leave.
    std::uint64_t places = 0;
    // Which outputs are judged; of the others nothing is kept. By OutputKind.
    std::array<bool, kOutputKinds> judged = {true, true, true, true};
    // What the pipeline promises: under at-least-once, exact repeats of outputs are MAY.
    Delivery delivery = Delivery::kExactlyOnce;
  };

  explicit OutputMatcher(const Options& options);
  ~OutputMatcher();
  OutputMatcher(const OutputMatcher&) = delete;
  OutputMatcher& operator=(const OutputMatcher&) = delete;

  // The expected side, in plan order. `certain`: false for outputs of events that may or may not
  // have arrived.
  void ExpectSummary(std::uint64_t player, bool certain);
  void ExpectPurchase(const PurchaseFacts& facts, const PurchaseOutputs& outputs);
  // `alert`: the metric's line. Returns what tells the alert from others, as of IndexOf().
  OutputIdentity ExpectServerAlert(std::string_view alert, bool certain);
  // Where there are `places`, before a player's first event is told; may be repeated.
  void ExpectArrival(std::uint64_t player);
  // Whether an event of this user arrived is not known, so what comes of its purchases is not
  // judged.
  void DoNotJudge(std::uint64_t user);

  // With `forget`, before Judge(): whether there are differences that can only be named with what
  // was forgotten. Then the expected side is told once more from its beginning, between
  // Recall(true) and Recall(false).
  [[nodiscard]] bool NeedsRecall();
  void Recall(bool begin);

  // The expected side has ended.
  void Close();
  // Whether all events that may have caused what is added from now on were told, so that strangers
  // need not be kept for what is told later (uncalled.h). At first: no.
  void SetSettled(bool settled);
  // Whether more cannot be added before Close() within the memory above.
  [[nodiscard]] bool Full() const;

  // The produced side. `source`: a number for what keeps the records' order (a partition, a file).
  void AddProduced(OutputKind output, std::int32_t source, std::optional<std::string_view> key,
                   std::string_view value);
  // The same of a file's line, as of ProducedParser::Unwrap().
  void AddLine(OutputKind output, std::int32_t source, std::string_view line);

  // How much of it was of other runs or shards.
  [[nodiscard]] std::uint64_t foreign() const;

  // How many certain expected outputs nothing has come for. Costs time when much is wrong.
  [[nodiscard]] std::uint64_t Outstanding(OutputKind output) const;

  // The judgement of what was told so far. May be asked again after more was told.
  [[nodiscard]] Comparison Judge(OutputKind output) const;
  // Users that are not judged.
  [[nodiscard]] std::uint64_t not_judged() const;
  // Whether server alerts are unexpected whose instants are not from `begin_ns` to `end_ns`.
  [[nodiscard]] bool AlertsOutside(std::int64_t begin_ns, std::int64_t end_ns) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playload
