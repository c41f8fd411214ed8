// The log viewer: follow, wrap, search in the window, lines that can be linked to. The page works without it.
(() => {
	const { find, findAll, listen, shortcuts } = window.Engine;
	const MAX_BLOCKS = 4; // windows of lines that stay in the page
	const MAX_SELECTED = 5000;
	const log = find("#log");
	if (!log) return;

	// --- Switches: time, wrap, follow ---

	const isOn = (name) => find(`[data-log=${name}]`)?.getAttribute("aria-pressed") === "true";
	const turn = (name, on) => find(`[data-log=${name}]`)?.setAttribute("aria-pressed", on);
	const stopFollowing = () => turn("follow", false);

	function toggle(name) {
		turn(name, !isOn(name));
		log.classList.toggle("wrapped", isOn("wrap"));
		log.classList.toggle("no-times", !isOn("time"));
		if (name === "follow") follow();
	}

	// Blocks off screen have an estimated height until they are drawn, so one jump may miss.
	function jump(move) {
		move();
		requestAnimationFrame(() => requestAnimationFrame(move));
	}

	function follow() {
		jump(() => {
			if (isOn("follow")) scrollTo({ top: document.documentElement.scrollHeight });
		});
	}

	// --- Lines: #L5 or #L5-L9 in the address ---

	const linkedLines = () => (location.hash.match(/^#L(\d+)(?:-L(\d+))?$/) ?? []).slice(1).map((text) => text && +text);

	function selectLines(scroll) {
		for (const line of findAll(".log .selected")) line.classList.remove("selected");
		const [from, to = from] = linkedLines();
		if (!from) return;
		const first = find(`#L${from}`);
		if (!first) return loadAround(from);
		for (let line = from; line <= Math.min(to, from + MAX_SELECTED); line++) {
			find(`#L${line}`)?.classList.add("selected");
		}
		if (scroll) jump(() => first.scrollIntoView({ block: "center" }));
	}

	function loadAround(line) {
		const url = new URL(location.href);
		if (url.searchParams.get("line") === String(line)) return;
		url.searchParams.set("line", line);
		location.replace(url);
	}

	function clickLine(link, event) {
		const line = +link.parentElement.id.slice(1);
		const [from] = linkedLines();
		const range = event.shiftKey && from && from !== line;
		event.preventDefault();
		stopFollowing();
		const hash = range ? `#L${Math.min(from, line)}-L${Math.max(from, line)}` : `#L${line}`;
		history.replaceState(history.state, "", hash);
		selectLines(false);
	}

	function nextError(link, event) {
		const at = linkedLines()[0] ?? 0;
		const next = link.dataset.errors
			.split(",")
			.map(Number)
			.find((line) => line > at);
		if (!next) return;
		event.preventDefault();
		stopFollowing();
		location.hash = `L${next}`;
	}

	// --- Search: marks in the lines that are here; the form searches the whole log ---

	function clearMarks() {
		for (const mark of findAll(".log code mark")) {
			const parent = mark.parentNode;
			mark.replaceWith(mark.textContent);
			parent.normalize();
		}
	}

	function textNodes(element) {
		const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
		const nodes = [];
		while (walker.nextNode()) nodes.push(walker.currentNode);
		return nodes;
	}

	function markIn(node, needle) {
		let rest = node;
		for (;;) {
			const at = rest.data.toLowerCase().indexOf(needle);
			if (at < 0) return;
			const hit = rest.splitText(at);
			rest = hit.splitText(needle.length);
			const mark = document.createElement("mark");
			hit.replaceWith(mark);
			mark.append(hit);
		}
	}

	function search(text) {
		const needle = text.toLowerCase();
		const plain = needle && !/^\/.*\/$/.test(needle);
		clearMarks();
		if (plain) {
			for (const code of findAll(".log code")) {
				for (const node of textNodes(code)) markIn(node, needle);
			}
		}
		find("[data-hits]").textContent = plain ? `${findAll(".log code mark").length} in this window` : "";
	}

	/** Go to the next (1) or previous (-1) hit, around the end. */
	function walkHits(step) {
		const links = findAll("[data-hit]");
		if (!links.length) return find(".log mark")?.scrollIntoView({ block: "center" });
		const at = linkedLines()[0] ?? 0;
		const lines = links.map((link) => +link.dataset.hit);
		const to = step > 0 ? lines.findIndex((line) => line > at) : lines.findLastIndex((line) => line < at);
		links.at(to >= 0 ? to : step > 0 ? 0 : -1).click();
	}

	// --- Windows far away become a gap of the same height that loads on sight ---

	function trim() {
		const blocks = findAll("#log > ol");
		if (blocks.length <= MAX_BLOCKS) return;
		const middle = scrollY + innerHeight / 2;
		const distance = (block) => Math.abs(block.offsetTop - middle);
		const far = blocks.reduce((one, other) => (distance(other) > distance(one) ? other : one));
		if (far.id === "log-lines") return;
		const gap = document.createElement("p");
		gap.className = "log-gap";
		gap.style.height = `${far.offsetHeight}px`;
		gap.setAttribute("hx-get", log.dataset.window + far.firstElementChild.id.slice(1));
		gap.setAttribute("hx-trigger", "intersect once");
		gap.setAttribute("hx-swap", "outerHTML");
		far.replaceWith(gap);
		htmx.process(gap);
	}

	// --- Events ---

	listen("click", (event) => {
		const control = event.target.closest("button, a");
		if (!control) return;
		if (control.dataset.log) toggle(control.dataset.log);
		if (control.dataset.errors) nextError(control, event);
		if (control.matches(".log li > a")) clickLine(control, event);
	});
	listen("input", (event) => {
		if (event.target.matches("[data-log-find]")) search(event.target.value.trim());
	});
	listen("htmx:after:swap", (event) => {
		if (!log.contains(event.detail.ctx.target) && !event.target.closest?.("#log")) return;
		trim();
		follow();
	});
	listen("htmx:after:sse:message", follow);
	addEventListener("hashchange", () => selectLines(true));
	addEventListener(
		"wheel",
		(event) => {
			if (event.deltaY < 0) stopFollowing();
		},
		{ passive: true },
	);

	Object.assign(shortcuts, {
		n: () => walkHits(1),
		N: () => walkHits(-1),
		End: () => {
			turn("follow", true);
			follow();
		},
	});
	selectLines(true);
	if (linkedLines()[0]) stopFollowing();
	follow();
	const field = find("[data-log-find]");
	if (field?.value) search(field.value);
})();
