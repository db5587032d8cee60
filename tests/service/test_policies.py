"""The policies that settings name are made at the start, judged by check-config, and kept by a reload."""

import json

from tests.service.test_reload import SETTINGS, ReloadCase
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Reason, verdict
from twistedmx.policy import plugin
from twistedmx.policy.plugin import PolicyMaker
from twistedmx.service.check import findings
from twistedmx.service.commands import commands
from twistedmx.smtp.reply import reply

AGAIN = verdict(reply(450, "4.7.1", "Come again"), Reason.POLICY)


class Once:
    """Refuses each recipient at its first time, and remembers it."""

    stages = (Stage.RCPT,)

    def __init__(self, settings, means):
        self.seen = set()

    def decide(self, context):
        if context.recipient in self.seen:
            return CONTINUE
        self.seen.add(context.recipient)
        return AGAIN


class Unwilling:
    """Cannot be made with these settings."""

    stages = (Stage.RCPT,)

    def __init__(self, settings, means):
        raise ValueError("the moon is full; wait a week")


class Broken:
    """Cannot be made by a fault of its own."""

    stages = (Stage.RCPT,)

    def __init__(self, settings, means):
        raise KeyError("x")


class Mute:
    """Is no policy."""

    stages = (Stage.RCPT,)

    def __init__(self, settings, means):
        pass


for _kind in (Once, Unwilling, Broken, Mute):
    plugin.add(PolicyMaker(f"test-{_kind.__name__.lower()}", f"{__name__}.{_kind.__name__}"))


def tables(*names, more=""):
    return "".join(f'[[policies]]\nname = "{name}"\n{more}' for name in names)


class TestFaults(ReloadCase):
    def test_what_cannot_be_made_is_a_fault_that_names_its_table(self):
        """All of them at once, and no traceback: the operator has not written the policy."""
        self.write("mx.toml", SETTINGS + tables("test-unwilling", "helo", "test-broken", "test-mute"))
        faults, _ = findings(self.path)
        self.assertEqual(len(faults), 3, faults)
        self.assertIn("policies[0]: the moon is full; wait a week", faults[0])
        self.assertIn("policies[2]: the policy 'test-broken' cannot be made: KeyError: 'x'", faults[1])
        self.assertIn("has no method `decide`", faults[2])

    def test_policies_of_the_server_are_good_as_they_come(self):
        """Naming them is enough."""
        self.write("mx.toml", SETTINGS.replace("mx.example.org", "localhost") + tables("helo", "empty-message"))
        self.assertEqual(findings(self.path)[0], [])


class TestReload(ReloadCase):
    async def rcpt(self, server):
        client = await self.client(server)
        await client.ask("MAIL FROM:<a@client.example>")
        said = await client.ask("RCPT TO:<ann@example.org>")
        await client.ask("QUIT")
        return said[:3]

    async def test_a_policy_goes_on_with_what_it_remembers_unless_its_own_settings_changed(self):
        """A greylist that forgot all at each reload would defer all."""
        self.write("mx.toml", SETTINGS + tables("test-once"))
        server = self.start()
        self.assertEqual([await self.rcpt(server), await self.rcpt(server)], ["450", "250"])
        self.write("mx.toml", SETTINGS + tables("helo", "test-once", more="time_limit = 2.0\n"))
        self.assertEqual(await server.reload(), ["policies"])
        self.listen_to(server)
        self.assertEqual(await self.rcpt(server), "250")
        self.write("mx.toml", SETTINGS)
        await server.reload()
        self.listen_to(server)
        self.write("mx.toml", SETTINGS + tables("test-once"))
        await server.reload()
        self.listen_to(server)
        self.assertEqual(await self.rcpt(server), "450")

    async def test_sessions_go_on_with_the_policies_that_they_began_with(self):
        """A reload changes the rules for nobody who is in the middle."""
        server = self.start()
        client = await self.client(server)
        self.write("mx.toml", SETTINGS + tables("test-once"))
        await server.reload()
        self.listen_to(server)
        await client.ask("MAIL FROM:<a@client.example>")
        self.assertEqual((await client.ask("RCPT TO:<ann@example.org>"))[:3], "250")
        self.assertEqual(await self.rcpt(server), "450")

    async def test_a_policy_that_cannot_be_made_refuses_the_reload(self):
        """And everything stays as it was."""
        self.write("mx.toml", SETTINGS + tables("test-once"))
        server = self.start()
        await self.rcpt(server)
        self.write("mx.toml", SETTINGS + tables("test-once", "test-unwilling"))
        (fault,) = await self.refused(server)
        self.assertIn("policies[1]: the moon is full", fault)
        self.assertEqual(await self.rcpt(server), "250")

    async def test_what_is_in_shadow_is_summed_up_with_the_good_hosts_apart(self):
        """What the operator reads before taking a policy out of it."""
        self.write("mx.toml", SETTINGS + tables("test-once", more="shadow = true\n"))
        server = self.start()
        server.lasting.events.replace([self.told.append, *server.lasting.subscribers])
        self.assertEqual(await self.rcpt(server), "250")
        answer = json.loads(json.dumps(commands(server)["attacks"]({})))
        (row,) = answer["shadow"]
        self.assertGreaterEqual(row.pop("last"), row.pop("since"))
        self.assertEqual(
            row,
            {
                "policy": "test-once",
                "action": "defer",
                "reason": "policy",
                "count": 1,
                "hosts": 1,
                "proven": 0,
                "named": [],
                "more": False,
            },
        )
        self.assertEqual(answer["campaigns"], [])
