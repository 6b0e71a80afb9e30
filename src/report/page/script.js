(function () {
  "use strict";
  var age = document.getElementById("age"), stale = document.getElementById("stale");
  var title = document.title, key = "open " + location.pathname;
  function words(s) {
    return s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min " + s % 60 + " s"
      : s < 86400 ? Math.floor(s / 3600) + " h " + Math.floor(s / 60) % 60 + " min"
      : Math.floor(s / 86400) + " d " + Math.floor(s / 3600) % 24 + " h";
  }
  function look() {
    var old = Math.floor(Date.now() / 1000 - age.dataset.written), limit = +age.dataset.limit;
    var ahead = old < -limit;
    age.textContent = ahead ? words(-old) + " ahead of the clock here" : words(Math.max(0, old)) + " ago";
    if (ahead || old > limit) {
      stale.textContent = ahead ? "STALE: this page is dated " + age.textContent + ": one of the two clocks is wrong,"
        + " or was set back. What follows was so when it was written."
        : "STALE: this page was written " + age.textContent + ". The monitor has ended, or what"
        + " brings the page here has stopped, or the clock here is wrong. What follows was so then.";
      stale.hidden = false;
      document.title = "STALE " + title;
    }
  }
  look();
  setInterval(look, 1000);
  try {
    (JSON.parse(sessionStorage.getItem(key)) || []).forEach(function (id) {
      var fold = document.getElementById(id);
      if (fold) fold.open = true;
    });
    document.addEventListener("toggle", function () {
      var open = Array.prototype.map.call(document.querySelectorAll("details[open]"), function (fold) {
        return fold.id;
      });
      sessionStorage.setItem(key, JSON.stringify(open));
    }, true);
  } catch (e) {
    // Without storage the folds close at each refresh.
  }
})();
