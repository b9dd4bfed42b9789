// Added to simcord's own script: the conversation follows its newest message, as Discord does,
// unless the person has scrolled away from it.
{
  const NEAR_PX = 120;
  const timeline = document.getElementById("channel-timeline");
  let following = true;

  const distance = () => timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight;
  const follow = () => {
    if (following && distance() > 0) timeline.scrollTop = timeline.scrollHeight;
  };
  const decide = () => {
    following = distance() < NEAR_PX;
  };

  // Only a hand moves the decision: pictures that arrive late also scroll the page.
  for (const kind of ["wheel", "touchmove", "keyup", "pointerup"]) {
    timeline.addEventListener(kind, () => requestAnimationFrame(decide), { passive: true });
  }
  document.getElementById("channel-composer").addEventListener("submit", () => {
    following = true;
    follow();
  });
  new ResizeObserver(follow).observe(document.getElementById("channel-message-list"));
  new ResizeObserver(follow).observe(timeline);
  document.title = "Gafuu: rehearsal";
}

// A right click on a message opens the bot's menus, as in Discord under "Apps".
{
  const ask = async (body) => {
    const headers = {
      "Content-Type": "application/json",
      "X-Simcord-Capability": state.capability,
      "X-Simcord-Context": state.contextId,
    };
    const answer = await fetch("/api/action", { method: "POST", headers, body: JSON.stringify(body) });
    return answer.json();
  };
  const menu = document.createElement("div");
  menu.className = "apps-menu";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", "Apps");
  menu.hidden = true;
  document.body.append(menu);

  const close = () => {
    menu.hidden = true;
  };
  const open = async (messageId, x, y) => {
    const { menus } = await ask({ kind: "message_menus" });
    menu.replaceChildren();
    const heading = document.createElement("span");
    heading.textContent = "Apps";
    menu.append(heading);
    for (const name of menus) {
      const item = document.createElement("button");
      item.type = "button";
      item.setAttribute("role", "menuitem");
      item.textContent = name;
      item.addEventListener("click", () => {
        close();
        void ask({ kind: "message_menu", name, message_id: messageId });
      });
      menu.append(item);
    }
    menu.hidden = false;
    menu.style.left = `${Math.min(x, innerWidth - menu.offsetWidth - 8)}px`;
    menu.style.top = `${Math.min(y, innerHeight - menu.offsetHeight - 8)}px`;
    menu.querySelector("button")?.focus();
  };
  document.addEventListener("contextmenu", (event) => {
    const message = event.target instanceof Element && event.target.closest(".channel-message[data-message-id]");
    if (!message) return;
    event.preventDefault();
    void open(message.dataset.messageId, event.clientX, event.clientY);
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !menu.contains(event.target)) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
}
