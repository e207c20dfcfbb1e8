// The page's few movements: what changed is changed in place, clicks go to the server as acts.
window.hugginggraph = {
  // Make the children of `old` like those of `fresh`; nodes that are alike stay where they are, so
  // that nothing flickers, a sound plays on and an opened detail stays open.
  morph(old, fresh) {
    const ids = new Set([...fresh.children].map((node) => node.id));
    let at = old.firstChild;
    for (const node of [...fresh.childNodes]) {
      while (at?.id && at.id !== node.id && !ids.has(at.id)) at = this.without(at);
      if (!at || at.nodeName !== node.nodeName || (at.id || "") !== (node.id || "")) {
        const kept = at?.id && ids.has(at.id);
        old.insertBefore(node, at);
        if (at && !kept) at = this.without(at);
        continue;
      }
      this.like(at, node);
      at = at.nextSibling;
    }
    while (at) at = this.without(at);
  },

  without(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  },

  like(now, node) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (now.data !== node.data) now.data = node.data;
    } else if (!now.isEqualNode(node)) {
      for (const { name, value } of [...node.attributes])
        if (now.getAttribute(name) !== value) now.setAttribute(name, value);
      for (const { name } of [...now.attributes])
        if (!node.hasAttribute(name) && name !== "open") now.removeAttribute(name);
      this.morph(now, node);
      if (now.nodeName === "TEXTAREA") now.value = now.defaultValue;
    }
  },

  draw(element, props, watch) {
    const root = element.querySelector(".hg-talk");
    const last = () => [...root.querySelectorAll(".hg-turn")].at(-1);
    const news = () => last()?.querySelector(".hg-answer, .hg-trouble, .hg-approve");
    const top = () => last()?.getBoundingClientRect().top;
    let left; // where the last turn stood after we scrolled; elsewhere, the person did
    const paint = () => {
      const stayed = Math.abs(top() - left) < 80;
      const known = [last()?.id, news()?.className];
      const fresh = document.createElement("template");
      fresh.innerHTML = props.value || "";
      this.morph(root, fresh.content);
      const began = last() && last().id !== known[0];
      if (began) last().scrollIntoView({ block: "start" });
      const came = news() && (began || (stayed && news().className !== known[1]));
      if (came) news().scrollIntoView({ block: "start" });
      if (began || came) left = top();
    };
    paint();
    this.wearTheme();
    watch("value", paint);
  },

  listen(element, trigger) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button || !element.contains(button)) return;
      if ("leave" in button.dataset) return this.leave();
      if ("theme" in button.dataset) return this.theme(!document.body.classList.contains("dark"));
      const act = button.dataset.act;
      const field = button.closest(".hg-approve")?.querySelector(act === "reject" ? "input" : "textarea");
      const value = button.dataset.value ?? field?.value ?? null;
      if (act === "reject" && value === "" && !("value" in button.dataset)) return field.focus();
      if (act) trigger("click", { act, value });
      if (act === "reject") field.value = "";
      button.closest("details.hg-menu")?.removeAttribute("open");
    });
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches(".hg-anew input"))
        event.target.closest(".hg-anew").querySelector("button").click();
    });
  },

  theme(dark) {
    localStorage.setItem("hugginggraph-theme", dark ? "dark" : "light");
    this.wearTheme();
  },

  async leave() {
    await fetch("sign-out", { method: "POST" });
    location.assign("sign-in");
  },

  // The theme that was chosen; the system's where none was.
  wearTheme() {
    const wanted = localStorage.getItem("hugginggraph-theme");
    if (wanted) document.body.classList.toggle("dark", wanted === "dark");
  },

  // Says when the server does not answer, and takes the chat up again when it does; who is signed
  // out meanwhile is asked to sign in.
  watchServer() {
    const note = document.createElement("p");
    note.className = "hg-offline";
    note.setAttribute("role", "alert");
    note.textContent = "The server does not answer. This page goes on by itself as soon as it does.";
    let gone = false;
    setInterval(async () => {
      const reply = await fetch("page/alive", { cache: "no-store" }).catch(() => null);
      const alive = reply?.ok;
      if ((alive && gone) || reply?.status === 401) location.reload();
      if (!alive && !gone) document.body.append(note);
      gone = !alive;
    }, 3000);
  },
};

hugginggraph.wearTheme();
hugginggraph.watchServer();
