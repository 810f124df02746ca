// Improves the pages; none of them needs it. No button is pressed twice, what moves money is asked
// once more, and tables are walked with j, k, Enter, / and ?.
(function () {
  "use strict";

  function each(list, work) {
    Array.prototype.forEach.call(list, work);
  }

  // One press, one request: the key of the form makes a second one the same command anyway.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    var question = form.getAttribute("data-confirm");
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if (form.method !== "post") {
      return;
    }
    if (form.getAttribute("data-sent")) {
      event.preventDefault();
      return;
    }
    form.setAttribute("data-sent", "1");
    // The button stays enabled until the form is read: its value is sent with it.
    window.setTimeout(function () {
      each(form.querySelectorAll("button"), function (button) {
        button.disabled = true;
      });
    }, 0);
  });

  // A page that comes back from the browser's memory can be sent again.
  window.addEventListener("pageshow", function () {
    each(document.querySelectorAll("form[data-sent]"), function (form) {
      form.removeAttribute("data-sent");
      each(form.querySelectorAll("button"), function (button) {
        button.disabled = false;
      });
    });
  });

  each(document.querySelectorAll("input[data-all]"), function (all) {
    all.addEventListener("change", function () {
      var table = all.closest("table");
      each(table.querySelectorAll("tbody .tick input"), function (box) {
        box.checked = all.checked;
      });
    });
  });

  var here = -1;

  function rows() {
    return document.querySelectorAll("main tbody tr");
  }

  function move(by) {
    var list = rows();
    if (!list.length) {
      return;
    }
    if (here >= 0 && list[here]) {
      list[here].classList.remove("here");
    }
    here = Math.max(0, Math.min(list.length - 1, here + by));
    list[here].classList.add("here");
    list[here].scrollIntoView({ block: "nearest" });
  }

  function open() {
    var row = rows()[here];
    var link = row && row.querySelector("a");
    if (link) {
      link.click();
    }
  }

  document.addEventListener("keydown", function (event) {
    var at = event.target;
    if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA|BUTTON|A|SUMMARY)$/.test(at.tagName)) {
      return;
    }
    if (event.key === "j") {
      move(1);
    } else if (event.key === "k") {
      move(-1);
    } else if (event.key === "Enter" && here >= 0) {
      open();
    } else if (event.key === "x" && here >= 0) {
      var box = rows()[here].querySelector(".tick input");
      if (box) {
        box.checked = !box.checked;
      }
    } else if (event.key === "/") {
      var search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.key === "?") {
      var keys = document.querySelector(".keys");
      if (keys) {
        window.alert(keys.textContent);
      }
    }
  });

  // What was refused is read first.
  var fault = document.querySelector("[role=alert] a");
  if (fault) {
    fault.focus();
  }
}());
