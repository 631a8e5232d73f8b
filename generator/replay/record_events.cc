#include "generator/replay/record_events.h"

#include "generator/encode/dataflow.h"
#include "generator/event/catalog.h"
#include "generator/event/fault.h"
#include "generator/stream/stream.h"

namespace playload {

namespace {

// Fields by their place in FieldsOf().
enum PlayerField {
  kPName,
  kPlayerId,
  kSessionId,
  kEventType,
  kLevelId,
  kMapId,
  kPTime,
  kPUser,
  kPPlatform
};
enum PurchaseField {
  kTName,
  kTransactionId,
  kTransactionType,
  kCurrency,
  kAmount,
  kItemId,
  kItemType,
  kTTime,
  kTUser,
  kTPlatform
};
enum ServerField {
  kSName,
  kServerId,
  kCpuLoad,
  kMemoryUsage,
  kLatency,
  kSTime,
  kRegion,
  kServerType
};

constexpr std::int64_t ResolutionOf(TimestampForm form) {
  switch (form) {
    case TimestampForm::kSeconds:
      return 1'000'000'000;
    case TimestampForm::kMillis:
      return 1'000'000;
    case TimestampForm::kMicros:
    case TimestampForm::kNaiveMicros:
      return 1'000;
  }
  return 1;
}

bool Needs(std::uint32_t needs, unsigned field) { return (needs >> field & 1) != 0; }

}  // namespace

RecordSymbols::RecordSymbols(std::string_view id_prefix)
    : forms_{IdForm("player", id_prefix), IdForm("session", id_prefix), IdForm("trans", id_prefix),
             IdForm("server", "")} {}

std::optional<std::uint64_t> RecordSymbols::OfIdText(std::string_view text) const {
  for (std::size_t i = 0; i < forms_.size(); ++i) {
    const std::optional<std::uint64_t> number = forms_[i].Number(text);
    if (number && *number < std::uint64_t{1} << kShift) return OfId(static_cast<Id>(i), *number);
  }
  return std::nullopt;
}

std::uint64_t RecordSymbols::Of(std::string_view text) {
  const std::optional<std::uint64_t> id = OfIdText(text);
  return id ? *id : words_.Of(text);
}

std::optional<std::uint64_t> RecordSymbols::Find(std::string_view text) const {
  const std::optional<std::uint64_t> id = OfIdText(text);
  return id ? id : words_.Find(text);
}

void RecordSymbols::AppendText(std::uint64_t symbol, std::string* out) const {
  const std::uint64_t id = symbol >> kShift;
  if (id == 0) return words_.AppendText(symbol, out);
  *out += forms_[id - 1].head();
  *out += std::to_string(symbol & ((std::uint64_t{1} << kShift) - 1));
}

RecordEvents::RecordEvents(const Replay& replay, RecordSymbols* symbols)
    : tables_(replay.tables()), symbols_(symbols), facts_(replay) {
  const bool extended = tables_.spec.event_types == EventTypes::kExtended;
  const std::string_view actions[] = {"move",
                                      "interaction",
                                      extended ? "level_start" : "interaction",
                                      "level_complete",
                                      extended ? "session_start" : "interaction",
                                      extended ? "session_end" : "interaction"};
  for (std::size_t i = 0; i < actions_.size(); ++i) actions_[i] = symbols->Of(actions[i]);
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const std::string digits = (i < 10 ? "0" : "") + std::to_string(i);
    levels_[i] = symbols->Of("level_" + digits);
    maps_[i] = symbols->Of("map_" + digits);
  }
  platforms_ = {symbols->Of("PC"), symbols->Of("Console")};
  transaction_types_ = {symbols->Of("purchase"), symbols->Of("refund")};
  server_types_ = {symbols->Of("dedicated"), symbols->Of("virtual")};
  for (std::size_t i = 0; i < currencies_.size(); ++i) {
    currencies_[i] = symbols->Of(kCurrencyTable[i].code);
  }
  for (std::size_t i = 0; i < items_.size(); ++i) items_[i] = symbols->Of(kCatalog[i].id);
  for (std::size_t i = 0; i < item_types_.size(); ++i) {
    item_types_[i] = symbols->Of(kItemTypeNames[i]);
  }
  names_ = {symbols->Of("player_action"), symbols->Of("transaction"), symbols->Of("server_metric")};
  for (const std::string& region : EncoderOptionsOf(tables_.spec).regions) {
    regions_.push_back(symbols->Of(region));
  }
}

void RecordEvents::Read(const ReplayedRun& run, std::uint32_t i, std::uint32_t needs,
                        bool needs_time, EventFacts* facts) {
  run_ = &run;
  index_ = i;
  has_line_ = false;
  const Record record = PlainOf(run.records[i]);
  kind_ = KindOf(record.action);
  facts->kind = kind_;
  facts->time_ns = needs_time ? Arrival() : EventFacts::kNoTime;
  if (Needs(needs, 0)) facts->values[0] = names_[static_cast<unsigned>(kind_)];
  switch (kind_) {
    case Kind::kPlayer:
      ReadPlayer(record, needs, facts);
      break;
    case Kind::kPurchase:
      ReadPurchase(record, needs, facts);
      break;
    case Kind::kServer:
      ReadServer(record, needs, facts);
      break;
  }
  if (!IsFaulty(run.records[i])) return;
  // What a repetition and a delay make otherwise than the record's place says.
  if (kind_ == Kind::kPurchase) facts->values[kTransactionId] = FromLine(kTransactionId);
  if (needs_time) {
    constexpr std::size_t kTimes[] = {kPTime, kTTime, kSTime};
    facts->time_ns = EventInstant(TextInLine(kTimes[static_cast<unsigned>(kind_)]));
  }
}

void RecordEvents::ReadPlayer(const Record& record, std::uint32_t needs, EventFacts* facts) {
  auto& values = facts->values;
  values[kPlayerId] = values[kPUser] =
      RecordSymbols::OfId(RecordSymbols::Id::kPlayer, facts_.Player(record, run_->lane));
  if (Needs(needs, kSessionId)) {
    const Model& model = tables_.model;
    const std::uint64_t session = model.compat
                                      ? run_->first + index_ + 1
                                      : record.session * model.players() +
                                            run_->lane * model.lane_players() + record.entity + 1;
    values[kSessionId] = RecordSymbols::OfId(RecordSymbols::Id::kSession, session);
  }
  values[kEventType] = actions_[static_cast<unsigned>(record.action)];
  values[kLevelId] = levels_[record.a];
  values[kMapId] = maps_[record.b];
  values[kPPlatform] = platforms_[record.flags & Record::kConsole];
  if (Needs(needs, kPTime)) values[kPTime] = FromLine(kPTime);
}

void RecordEvents::ReadPurchase(const Record& record, std::uint32_t needs, EventFacts* facts) {
  auto& values = facts->values;
  const PurchaseFacts purchase = facts_.Purchase(record, run_->lane);
  values[kTransactionId] =
      RecordSymbols::OfId(RecordSymbols::Id::kTransaction, run_->first + index_ + 1);
  values[kTransactionType] = transaction_types_[record.action == Action::kRefund ? 1 : 0];
  values[kCurrency] = currencies_[record.b];
  facts->SetNumber(kAmount, AmountOf(purchase));
  if (tables_.model.compat) {  // its shop has other items
    if (Needs(needs, kItemId)) values[kItemId] = FromLine(kItemId);
    if (Needs(needs, kItemType)) values[kItemType] = FromLine(kItemType);
  } else {
    values[kItemId] = items_[record.a];
    values[kItemType] = item_types_[static_cast<unsigned>(kCatalog[record.a].type)];
  }
  values[kTUser] = RecordSymbols::OfId(RecordSymbols::Id::kPlayer, purchase.user);
  values[kTPlatform] = platforms_[record.flags & Record::kConsole];
  if (Needs(needs, kTTime)) values[kTTime] = FromLine(kTTime);
}

void RecordEvents::ReadServer(const Record& record, std::uint32_t needs, EventFacts* facts) {
  auto& values = facts->values;
  values[kServerId] = RecordSymbols::OfId(RecordSymbols::Id::kServer,
                                          tables_.encoder.ServerNumber(record, run_->lane));
  facts->SetNumber(kCpuLoad, record.a);
  facts->SetNumber(kMemoryUsage, record.b);
  facts->SetNumber(kLatency, record.c);
  values[kRegion] = regions_[record.session];
  values[kServerType] = server_types_[(record.flags & Record::kVirtual) != 0 ? 1 : 0];
  if (Needs(needs, kSTime)) values[kSTime] = FromLine(kSTime);
}

std::int64_t RecordEvents::Arrival() const {
  const RunSpec& spec = tables_.spec;
  const std::int64_t instant =
      spec.rate_max ? run_->stamp_ns : spec.start_ns + tables_.plan.PlannedAt(run_->first + index_);
  return instant - instant % ResolutionOf(spec.timestamp_form);
}

std::string_view RecordEvents::Line() {
  if (!has_line_) {
    line_ = facts_.Text(*run_, index_).value;
    has_line_ = true;
  }
  return line_;
}

std::string_view RecordEvents::TextInLine(std::size_t field) {
  const std::string_view path = FieldsOf(kind_)[field].path;
  const std::string mark = "\"" + std::string(path.substr(path.find('.') + 1)) + "\":\"";
  const std::size_t begin = Line().find(mark) + mark.size();  // the encoder writes every field
  return Line().substr(begin, Line().find('"', begin) - begin);
}

std::uint64_t RecordEvents::FromLine(std::size_t field) { return symbols_->Of(TextInLine(field)); }

void RecordEvents::AppendText(std::size_t field, std::string* out) { *out += TextInLine(field); }

void RecordEvents::AppendEvent(std::string* out) { *out += Line(); }

}  // namespace playload
