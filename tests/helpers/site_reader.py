"""What the tests of the site read it with."""

import json
from html.parser import HTMLParser


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def delivered(site, name):
    """What a shard hands over, read as JavaScript would read it."""
    text = (site / "data" / f"{name}.js").read_text(encoding="ascii")
    head, body = f"site.deliver({json.dumps(name)}, ", ");\n"
    assert text.startswith(head) and text.endswith(body)
    return json.loads(text[len(head) : -len(body)])


def cell(site, method, **of):
    index = delivered(site, "index")
    (found,) = [c for c in index["cells"] if c["method"] == method and all(c[k] == v for k, v in of.items())]
    return found


class Links(HTMLParser):
    """Every address and id of a page, and what could run or reach out."""

    def __init__(self):
        super().__init__()
        self.links, self.ids, self.inline = [], set(), []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.links += [named[name] for name in ("href", "src") if name in named]
        if "id" in named:
            assert named["id"] not in self.ids, f"id {named['id']} stands twice"
            self.ids.add(named["id"])
        self.inline += [name for name in named if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag in ("style", "iframe", "object") or (tag == "script" and "src" not in named) else []


def read(page):
    found = Links()
    found.feed(page.read_text(encoding="utf-8"))
    return found
