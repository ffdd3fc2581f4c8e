// Data on demand: a page opened from disk may not fetch a file, but it may load a script, which delivers its data here.
"use strict";
const site = {};
(function () {
  const delivered = new Map();
  const wanted = new Map();

  site.deliver = function (name, value) {
    delivered.set(name, value);
  };

  site.delivered = function (name) {
    return delivered.get(name);
  };

  // A promise of the data of that name; asked for twice, loaded once.
  site.need = function (name) {
    if (delivered.has(name)) return Promise.resolve(delivered.get(name));
    if (!wanted.has(name)) wanted.set(name, load(name));
    return wanted.get(name);
  };

  function load(name) {
    return new Promise(function (resolve, reject) {
      const script = document.createElement("script");
      script.src = "data/" + name + ".js";
      script.onload = function () {
        script.remove();
        delivered.has(name) ? resolve(delivered.get(name)) : reject(new Error(name + " delivered nothing"));
      };
      script.onerror = function () {
        wanted.delete(name);
        reject(new Error("data/" + name + ".js cannot be read: is the folder whole?"));
      };
      document.head.appendChild(script);
    });
  }

  // What a link to this view says, and the same written back; a view is told only when someone else changed it.
  site.hash = {
    read: () => new URLSearchParams(location.hash.slice(1)),
    link: (values) => "#" + new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "")),
    write: (values) => history.replaceState(null, "", site.hash.link(values)),
  };
})();
