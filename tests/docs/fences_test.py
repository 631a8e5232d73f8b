"""Tests of fences.py: a page that is read wrongly would be a test that tests nothing."""

import pathlib
import unittest

import fences

PAGE = pathlib.Path("page.md")


class FencesTest(unittest.TestCase):
    def test_commands_and_their_output_are_told_apart(self):
        (fence,) = fences.read(PAGE, "```console\n$ one\nprints\n$ two \\\n    more\nprints\n```\n")
        self.assertEqual(fence.commands(), ["one", "two \\\n    more"])
        self.assertTrue(fence.is_run)

    def test_marks_belong_to_the_next_fence_only(self):
        text = (
            "<!-- needs: kafka -->\n<!-- exit: 99 -->\n\n```console\n$ a\n```\n```console\n$ b\n```"
        )
        first, second = fences.read(PAGE, text)
        self.assertTrue(first.needs_kafka)
        self.assertEqual(first.marks["exit"], "99")
        self.assertEqual(second.marks, {})

    def test_a_server_is_needed_with_its_arguments(self):
        text = "".join(
            f"<!-- needs: {needs} -->\n```console\n$ a\n```\n"
            for needs in ("serve", "serve --seed 7", "kafka")
        )
        found = fences.read(PAGE, text)
        self.assertEqual([fence.server for fence in found], ["", "--seed 7", None])
        self.assertEqual([fence.needs_kafka for fence in found], [False, False, True])

    def test_not_run_and_other_languages_are_not_run(self):
        text = "<!-- not run: why -->\n```console\n$ a\n```\n```yaml\n$ a\n```\n"
        self.assertEqual([fence.is_run for fence in fences.read(PAGE, text)], [False, False])

    def test_fences_in_a_list_lose_their_indent(self):
        (fence,) = fences.read(PAGE, "- item\n\n  ```console\n  $ a\n  ```\n")
        self.assertEqual(fence.commands(), ["a"])

    def test_mistakes_are_errors(self):
        for text in (
            "<!-- exit: 99 -->\ntext\n```console\n$ a\n```\n",
            "<!-- exit: no -->\n```console\n$ a\n```\n",
            "<!-- needs: wine -->\n```console\n$ a\n```\n",
            "<!-- needs: server -->\n```console\n$ a\n```\n",
            "```console\nno command\n```\n",
            "```bash\na\n```\n",
            "```console\n$ a\n",
        ):
            with self.subTest(text=text), self.assertRaises(ValueError):
                fences.read(PAGE, text)


if __name__ == "__main__":
    unittest.main()
