"""`twistedmx history`: the day in numbers, and in two pictures."""

import os
import stat
import xml.etree.ElementTree as ElementTree

from tests.cli.calling import Calling

NOON = 1_795_168_800  # 2026-11-20 10:00 UTC
SVG = "{http://www.w3.org/2000/svg}"


def minute(number, *, messages=0, turned_away=0, most_open=0, load=0.0, **refused):
    return {
        "start": NOON + 60 * number,
        "messages": messages,
        "accepted": messages,
        "refused": {reason.replace("_", "-"): count for reason, count in refused.items()},
        "sessions": most_open,
        "turned_away": turned_away,
        "most_open": most_open,
        "load": load,
    }


MINUTES = [
    minute(0, messages=31, most_open=14, load=0.12, unknown_mailbox=12),
    minute(1, messages=28, most_open=140, load=0.31, unknown_mailbox=1904, not_ours=11, policy=2, lookup_late=1),
    minute(3, messages=33, most_open=580, load=0.52, unknown_mailbox=2871, not_ours=4, turned_away=212),
]
RECORDED = {"now": NOON + 200.5, "cpus": 2, "minutes": MINUTES}


class TestTable(Calling):
    def test_a_day_is_no_longer_than_a_screen(self):
        """Whoever wants each minute has --json."""
        self.serve(history={**RECORDED, "minutes": [minute(number, messages=1) for number in range(1440)]})
        said = self.ask("history")
        head, *rows, legend = said.out.splitlines()
        self.assertEqual(head.split(), ["UTC", "messages", "others", "turned", "away", "sessions", "load"])
        self.assertEqual((len(rows), rows[0].split()[:3]), (24, ["2026-11-20", "10:00", "60"]))
        self.assertIn("2 CPUs", legend)

    def test_a_load_that_nobody_knows_is_a_dash(self):
        """The other numbers of its row are there."""
        self.serve(history={**RECORDED, "minutes": [minute(0, messages=31, load=None), minute(1, load=0.5)]})
        _, first, second, _ = self.ask("history").out.splitlines()
        self.assertEqual((first.split()[2:], second.split()[-1]), (["31", "0", "0", "0", "-"], "0.50"))

    def test_the_hours_are_the_server_s_to_choose_from(self):
        """It sends no more than is shown."""
        asked = []
        self.serve(history=lambda arguments: asked.append(arguments) or RECORDED)
        self.ask("history", "--hours", "0.5")
        self.ask("history")
        self.assertEqual(asked, [{"hours": 0.5}, {"hours": 24.0}])

    def test_hours_that_are_none_are_refused(self):
        """Nothing is kept for longer than a day."""
        for word in ("0", "-1", "25", "nan", "noon"):
            said = self.ask("history", "--hours", word)
            self.assertEqual((said.status, said.out), (2, ""))
            self.assertIn(f"'{word}' is no number above 0, to 24", said.beside)

    def test_that_nothing_was_recorded_is_said(self):
        """And is no success, for a script that waits."""
        self.serve(history={**RECORDED, "minutes": []})
        folder = os.path.join(self.folder, "www")
        for words in ((), ("--svg", folder)):
            said = self.ask("history", *words)
            self.assertEqual((said.status, said.out), (1, "nothing was recorded in that time\n"))
        self.assertFalse(os.path.exists(folder))

    def test_machines_get_what_the_server_said(self):
        """Each minute by itself."""
        self.serve(history=RECORDED)
        self.assertEqual(self.ask("history", "--json").json, RECORDED)


class TestPictures(Calling):
    def setUp(self):
        super().setUp()
        self.www = os.path.join(self.folder, "www")

    def draw(self, minutes=MINUTES):
        """The paths that are said, and the two pictures."""
        self.serve(history={**RECORDED, "minutes": minutes})
        said = self.ask("history", "--svg", self.www)
        self.assertEqual((said.status, said.beside), (0, ""))
        paths = said.out.splitlines()
        return paths, [ElementTree.parse(path).getroot() for path in paths]

    def paths(self, picture, kind):
        """What is drawn of a kind, by the name that it shows."""
        return {
            path.findtext(f"{SVG}title"): path.get("d")
            for path in picture.iter(f"{SVG}path")
            if kind in path.get("class").split() and path.find(f"{SVG}title") is not None
        }

    def test_both_are_drawn_and_it_is_said_where(self):
        """With a folder of their own, if need be, that a web server may read."""
        paths, pictures = self.draw()
        self.assertEqual(paths, [os.path.join(self.www, name) for name in ("rejections.svg", "sessions.svg")])
        self.assertEqual(sorted(os.listdir(self.www)), ["rejections.svg", "sessions.svg"])
        self.assertEqual({stat.S_IMODE(os.stat(path).st_mode) for path in paths}, {0o644})
        titles = [picture.findtext(f"{SVG}title") for picture in pictures]
        self.assertEqual(titles, ["Rejections by reason", "Parallel sessions and load"])

    def test_each_reason_has_its_area_and_its_name(self):
        """And so have those that were turned away."""
        _, (rejections, _) = self.draw()
        areas = self.paths(rejections, "area")
        self.assertEqual(list(areas), ["unknown-mailbox", "not-ours", "policy", "lookup-late", "turned away"])
        texts = [text.text for text in rejections.iter(f"{SVG}text")]
        for name in areas:
            self.assertIn(name, texts)

    def test_six_reasons_have_a_colour_and_the_others_share_one(self):
        """More than eight nobody tells apart."""
        refused = {f"reason_{number}": 100 - number for number in range(9)}
        _, (rejections, _) = self.draw([minute(0, turned_away=1, **refused)])
        areas = self.paths(rejections, "area")
        self.assertEqual(list(areas), [*(f"reason-{number}" for number in range(6)), "others", "turned away"])

    def test_sessions_and_load_are_a_line_each(self):
        """With an axis of their own; the one of the load has room for all CPUs, so that an idle machine looks idle."""
        _, (_, sessions) = self.draw()
        lines = self.paths(sessions, "line")
        self.assertEqual(list(lines), ["sessions at once (left)", "load average of a minute (right)"])
        marks = {side: self.marks(sessions, side) for side in ("end", "start")}
        self.assertEqual(marks, {"end": ["0", "200", "400", "600", "800"], "start": ["0", "0.5", "1", "1.5", "2"]})

    def marks(self, picture, side):
        return [text.text for text in picture.iter(f"{SVG}text") if text.get("text-anchor") == side]

    def test_a_gap_is_left_empty(self):
        """A line across it would be a guess."""
        _, pictures = self.draw()
        for picture, kind in zip(pictures, ("area", "line"), strict=True):
            for path in self.paths(picture, kind).values():
                self.assertEqual(path.count("M"), 2, path)

    def test_each_step_tells_its_numbers_to_who_points_at_it(self):
        """A picture that is asked for in a meeting."""
        _, pictures = self.draw()
        looks = [
            [look.findtext(f"{SVG}title") for look in picture.iter(f"{SVG}rect") if look.get("class") == "look"]
            for picture in pictures
        ]
        self.assertEqual(
            looks,
            [
                [
                    "10:00: unknown-mailbox 12",
                    "10:01: unknown-mailbox 1,904, not-ours 11, policy 2, lookup-late 1",
                    "10:02: not recorded",
                    "10:03: unknown-mailbox 2,871, not-ours 4, turned away 212",
                ],
                [
                    "10:00: 14 sessions, load 0.12",
                    "10:01: 140 sessions, load 0.31",
                    "10:02: not recorded",
                    "10:03: 580 sessions, load 0.52",
                ],
            ],
        )

    def test_calm_is_a_picture_too(self):
        """The one that the next is compared with."""
        for minutes in ([minute(0)], [minute(number) for number in range(1440)]):
            _, (rejections, sessions) = self.draw(minutes)
            self.assertEqual(self.paths(rejections, "area"), {})
            self.assertEqual(len(self.paths(sessions, "line")), 2)
            os.unlink(self.socket)

    def test_a_day_has_steps_that_can_be_seen(self):
        """Five minutes each; times are written every three hours."""
        _, (rejections, _) = self.draw([minute(number, not_ours=5) for number in range(1440)])
        looks = [look for look in rejections.iter(f"{SVG}rect") if look.get("class") == "look"]
        self.assertEqual(len(looks), 288)
        self.assertEqual(looks[0].findtext(f"{SVG}title"), "10:00 to 10:05: not-ours 25")
        self.assertEqual(self.marks(rejections, "middle")[:2], ["12:00", "15:00"])

    def test_nothing_in_it_is_loaded_or_run_and_words_are_escaped(self):
        """It may be shown to anybody, in any page."""
        refused = {'<script>alert("1")</script>&': 3}
        _, (rejections, _) = self.draw([{**minute(0), "refused": refused}])
        self.assertIn(*refused, self.paths(rejections, "area"))
        kinds = {each.tag.removeprefix(SVG) for each in rejections.iter()}
        self.assertLessEqual(kinds, {"svg", "title", "style", "text", "line", "path", "rect"})
        self.assertFalse([name for each in rejections.iter() for name in each.attrib if "href" in name])

    def test_the_old_picture_is_there_until_the_new_one_is_whole(self):
        """It is replaced, not written over: whoever reads the old one reads it to its end."""
        (path, _), _ = self.draw()
        with open(path, encoding="utf-8") as old:
            before = old.read(100)
            os.unlink(self.socket)
            self.draw([minute(0)])
            self.assertNotEqual(os.fstat(old.fileno()).st_ino, os.stat(path).st_ino)
            self.assertTrue((before + old.read()).endswith("</svg>\n"))

    def test_a_folder_that_cannot_be_written_is_said_and_left_as_it_was(self):
        """Which, why, and what to do."""
        self.serve(history=RECORDED)
        file = self.write("", "a-file")
        said = self.ask("history", "--svg", file)
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertEqual(
            said.beside,
            f"twistedmx history: {file}: pictures cannot be written there: File exists; name another folder with --svg\n",
        )
        os.makedirs(os.path.join(self.www, "rejections.svg"))
        said = self.ask("history", "--svg", self.www)
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertIn(f"{self.www}: pictures cannot be written there: Is a directory; ", said.beside)
        self.assertEqual(os.listdir(self.www), ["rejections.svg"])

    def test_machines_are_told_where_the_pictures_are(self):
        """Beside the numbers."""
        self.serve(history=RECORDED)
        pictures = [os.path.join(self.www, name) for name in ("rejections.svg", "sessions.svg")]
        self.assertEqual(self.ask("history", "--json", "--svg", self.www).json, {**RECORDED, "pictures": pictures})
