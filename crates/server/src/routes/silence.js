// The page where a silence is made. In a file of its own, since the content policy allows no script within a page.
const field = (id) => document.getElementById(id);
const filter = new URLSearchParams(location.search).get("filter") ?? "";
// {a="b",c="d"}: a comma within quotes is part of a value.
const parts = filter.replace(/^\{|\}$/g, "").match(/[^,"]*"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [];
field("matchers").value = parts.map((part) => part.replace(/^,/, "").trim()).join("\n");
const matchers = () => field("matchers").value.split("\n").map((line) => line.trim()).filter(Boolean);
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const ask = async (preview) => {
  const answer = await fetch("/api/v1/silences", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      matchers: matchers(), for: field("time").value, comment: field("comment").value,
      created_by: field("by").value, preview,
    }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
};
const show = async () => {
  const words = ["etcd-monitor alert silence add", ...matchers().map(quoted)];
  words.push("--for", quoted(field("time").value), "--comment", quoted(field("comment").value || "WHY"));
  field("command").textContent = words.join(" ");
  const items = await ask(true).then(
    (made) => made.matches.map((alert) => `${alert.severity ?? ""} ${alert.name} ${alert.cluster ?? ""}: ${alert.summary}`),
    (error) => [error.message],
  );
  field("covered").replaceChildren(...(items.length ? items : ["no alert"]).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
};
field("form").addEventListener("input", show);
field("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const outcome = field("outcome");
  try {
    const made = await ask(false);
    outcome.className = "";
    outcome.textContent = `Silenced: ${made.id}`;
  } catch (error) {
    outcome.className = "bad";
    outcome.textContent = error.message;
  }
});
show();
