// The page's few movements: what changed is changed in place, clicks go to the server as acts.
window.hugginggraph = {
  // Make the children of `old` like those of `fresh`; nodes that are alike stay, so that nothing
  // flickers, a sound plays on and an opened detail stays open.
  morph(old, fresh) {
    const had = [...old.childNodes];
    [...fresh.childNodes].forEach((node, place) => {
      const now = had[place];
      if (!now) old.append(node);
      else if (now.nodeName !== node.nodeName || (now.id || "") !== (node.id || "")) now.replaceWith(node);
      else if (node.nodeType === Node.TEXT_NODE) { if (now.data !== node.data) now.data = node.data; }
      else if (!now.isEqualNode(node)) {
        for (const { name, value } of [...node.attributes])
          if (now.getAttribute(name) !== value) now.setAttribute(name, value);
        for (const { name } of [...now.attributes])
          if (!node.hasAttribute(name) && name !== "open") now.removeAttribute(name);
        this.morph(now, node);
      }
    });
    had.slice(fresh.childNodes.length).forEach((node) => node.remove());
  },

  draw(element, props, watch) {
    const paint = () => {
      const root = element.querySelector(".hg-talk");
      const near = innerHeight + scrollY > document.documentElement.scrollHeight - 160;
      const fresh = document.createElement("template");
      fresh.innerHTML = props.value || "";
      const turns = root.querySelectorAll(".hg-turn").length;
      this.morph(root, fresh.content);
      const more = root.querySelectorAll(".hg-turn").length > turns;
      if (more || (near && turns)) scrollTo({ top: document.documentElement.scrollHeight });
    };
    paint();
    watch("value", paint);
  },

  listen(element, trigger) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button || !element.contains(button)) return;
      if ("theme" in button.dataset) return this.theme(!document.body.classList.contains("dark"));
      const act = button.dataset.act;
      if (act) trigger("click", { act, value: button.dataset.value ?? null });
      button.closest("details.hg-menu")?.removeAttribute("open");
    });
  },

  theme(dark) {
    document.body.classList.toggle("dark", dark);
    localStorage.setItem("hugginggraph-theme", dark ? "dark" : "light");
  },

  // Says when the server does not answer, and takes the chat up again when it does.
  watchServer() {
    const note = document.createElement("p");
    note.className = "hg-offline";
    note.setAttribute("role", "alert");
    note.textContent = "The server does not answer. This page goes on by itself as soon as it does.";
    let gone = false;
    setInterval(async () => {
      const alive = await fetch("page/alive", { cache: "no-store" }).then((r) => r.ok, () => false);
      if (alive && gone) location.reload();
      if (!alive && !gone) document.body.append(note);
      gone = !alive;
    }, 3000);
  },
};

addEventListener("DOMContentLoaded", () => {
  document.documentElement.lang = "en";
  const wanted = localStorage.getItem("hugginggraph-theme");
  const put = () => { if (wanted) document.body.classList.toggle("dark", wanted === "dark"); };
  put();
  setTimeout(put, 0);
  hugginggraph.watchServer();
});
