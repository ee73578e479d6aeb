"use strict";
/* The one control of a page that is worth keeping: show all results, or the failed ones. */
function sectionsWithoutFailure() {
  return [...document.querySelectorAll(".ge-section")].filter(
    (section) =>
      section.querySelector(".fa-check-circle.text-success") &&
      section.id !== "section-1" &&
      !section.querySelector(".text-danger, .text-warning"),
  );
}
function setHidden(hidden) {
  for (const section of sectionsWithoutFailure()) {
    section.classList.toggle("hidden", hidden);
    for (const link of document.querySelectorAll(`a[href$="#${section.id}"]`)) {
      link.parentElement.classList.toggle("hidden", hidden);
    }
  }
}
function showAllValidations() {
  setHidden(false);
}
function hideSucceededValidations() {
  setHidden(true);
}
