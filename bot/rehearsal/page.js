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
