// List: an intrusive doubly linked list. An element is in one list at most, leaves it in constant
// time without knowing which, and a whole list moves behind another at once.
//
// Threads: one owner. Ownership: none; elements unlink themselves when they go.

#pragma once

#include <utility>

namespace playload {

struct Link {
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { Unlink(); }

  [[nodiscard]] bool linked() const { return next != this; }
  void Unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }

  Link* previous = this;
  Link* next = this;
};

// `T` derives from `L`, which derives from Link: so that an element may be in several lists, by one
// base class each.
template <typename T, typename L = Link>
class List {
 public:
  [[nodiscard]] bool empty() const { return !head_.linked(); }
  [[nodiscard]] T* front() const {
    return empty() ? nullptr : static_cast<T*>(static_cast<L*>(head_.next));
  }
  // Takes it out of the list that it is in.
  void PushBack(T* element) {
    Link* const link = static_cast<L*>(element);
    link->Unlink();
    link->previous = head_.previous;
    link->next = &head_;
    head_.previous->next = link;
    head_.previous = link;
  }
  T* PopFront() {
    T* const element = front();
    if (element != nullptr) static_cast<L*>(element)->Unlink();
    return element;
  }
  // All elements of `other`, in order, behind those of this list.
  void Splice(List& other) {
    if (other.empty()) return;
    Link& from = other.head_;
    from.next->previous = head_.previous;
    head_.previous->next = from.next;
    from.previous->next = &head_;
    head_.previous = from.previous;
    from.next = from.previous = &from;
  }

 private:
  Link head_;
};

}  // namespace playload
