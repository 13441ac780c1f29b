"""The benchmark harness on a case and contenders of its own: its machinery, never anybody's speed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import bars, plot, report
from benchmarks.__main__ import main
from benchmarks.case import Case, Gradient, Program, leaves, worst_error
from benchmarks.cases import CASES
from benchmarks.contenders import BY_HAND, CONTENDERS, OURS, PEER, Contender, Unavailable
from benchmarks.measure import Failed, Session, first_line, interleave
from benchmarks.quiet import Quiet
from benchmarks.results import CaseResult, Measurement, Report, Spread
from benchmarks.worker import Options, Worker

PATIENT = Quiet(0.0)


def square_case(**programs):
    return Case(
        name="square",
        what="derivative of the sum of squares",
        dtype="float64",
        make_inputs=lambda generator: (generator.standard_normal(5),),
        expected=lambda inputs, units: (2 * inputs[0],),
        tolerance=1e-12,
        programs=programs,
    )


def contender(name, role=PEER, **options):
    return Contender(name, role, ("numpy",), **options)


def right(inputs):
    return Program(lambda x: x + x, inputs)


def wrong(inputs):
    return Program(lambda x: x * x, inputs)


def dies_after(calls):
    def build(inputs):
        left = iter(range(calls))

        def function(x):
            next(left)
            return x + x

        return Program(function, inputs)

    return build


@pytest.fixture
def a_report() -> Report:
    case = CaseResult("rosenbrock", "a gradient", "call", "float64")
    case.measurements = {
        "srcgrad": Measurement(OURS, [1e-6, 1.1e-6, 1.2e-6]),
        "numba": Measurement(BY_HAND, [0.5e-6, 0.5e-6, 0.5e-6]),
        "jax": Measurement(PEER, [4e-6, 4.4e-6, 6e-6]),
        "torch": Measurement(PEER, error="ImportError: no module named torch"),
    }
    machine = {"cpu": "a processor", "cores": 2, "system": "Linux"}
    return Report("2026-01-01", "abc", machine, {"python": "3"}, {"rounds": 3}, {"srcgrad": [0.2]}, [case])


class TestSession:
    def test_times_a_call_that_is_right(self):
        session = Session(square_case(hand=right), contender("hand"))
        first = session.first_call()
        assert first.relative_error == 0
        assert first.units == 1
        assert 0 < session.round(1e-4) < 1e-4

    def test_refuses_a_wrong_result(self):
        with pytest.raises(Failed, match="relative error"):
            Session(square_case(hand=wrong), contender("hand")).first_call()

    def test_divides_by_the_steps_of_a_call(self):
        def slow(inputs):
            def function(x):
                time.sleep(0.01)
                return x + x

            return Program(function, inputs, units=100)

        session = Session(square_case(hand=slow), contender("hand"))
        session.first_call()
        assert 1e-4 <= session.round(1e-3) < 0.01

    def test_waits_for_every_result(self):
        waited: list[np.ndarray] = []
        session = Session(square_case(hand=right), contender("hand", wait=waited.append))
        session.first_call()
        calls = len(waited)
        assert calls == 1
        session.round(1e-4)
        assert len(waited) > calls

    def test_starts_the_contender_with_case_and_threads(self):
        seen = []
        start = lambda case, threads: seen.append((case.name, threads))  # noqa: E731
        Session(square_case(hand=right), contender("hand", start=start), threads=3).first_call()
        assert seen == [("square", 3)]

    def test_without_a_program(self):
        with pytest.raises(Unavailable, match="hand has no program for square"):
            Session(square_case(), contender("hand")).first_call()


class TestInterleave:
    def sessions(self, **programs) -> dict[str, Session]:
        case = square_case(**programs)
        sessions = {name: Session(case, contender(name)) for name in programs}
        for session in sessions.values():
            session.first_call()
        return sessions

    def test_every_contender_has_every_round(self):
        found = interleave(self.sessions(a=right, b=right), rounds=4, seconds=1e-5, quiet=PATIENT)
        assert {name: len(times) for name, times in found.times.items()} == {"a": 4, "b": 4}
        assert not found.errors

    def test_who_fails_drops_out_and_the_others_go_on(self):
        sessions = self.sessions(a=right, b=dies_after(1))
        found = interleave(sessions, rounds=3, seconds=1e-5, quiet=PATIENT)
        assert list(found.times) == ["a"]
        assert found.errors == {"b": "StopIteration"}

    def test_iterations_rotate(self):
        order: list[str] = []

        class Runner:
            def __init__(self, name):
                self.name = name

            def first_call(self):
                raise NotImplementedError

            def round(self, seconds):
                order.append(self.name)
                return 1.0

        interleave({name: Runner(name) for name in "abc"}, rounds=3, seconds=1.0, quiet=PATIENT)
        assert "".join(order) == "abcbcacab"

    def test_a_disturbed_round_is_run_again(self):
        class Neighbour(Quiet):
            answers: Iterator[bool] = iter([True, False, True, True])

            def now(self):
                return next(self.answers)

        found = interleave(self.sessions(a=right), rounds=1, seconds=1e-5, quiet=Neighbour(10.0))
        assert len(found.times["a"]) == 1
        assert found.disturbed == 0

    def test_without_patience_it_is_kept_and_counted(self):
        class Neighbour(Quiet):
            def now(self):
                return False

        found = interleave(self.sessions(a=right), rounds=2, seconds=1e-5, quiet=Neighbour(0.0))
        assert found.disturbed == 2


class TestWorker:
    def test_a_session_in_another_process(self, tmp_path):
        case = next(case for case in CASES if case.name == "rosenbrock")
        hand = next(contender for contender in CONTENDERS if contender.name == "numba")
        with Worker(case, hand, Options(threads=1), tmp_path) as worker:
            assert worker.first_call().relative_error < case.tolerance
            assert worker.round(1e-3) > 0
        assert list((tmp_path / "numba_cache_dir").rglob("*.nbi"))

    def test_errors_come_back_in_one_line(self, tmp_path):
        case = next(case for case in CASES if case.name == "mixture")
        hand = next(contender for contender in CONTENDERS if contender.name == "numba")
        with (
            Worker(case, hand, Options(threads=1), tmp_path) as worker,
            pytest.raises(Failed, match="Unavailable: numba has no program for mixture"),
        ):
            worker.first_call()

    def test_a_limit_ends_the_wait(self, tmp_path):
        case = next(case for case in CASES if case.name == "rosenbrock")
        hand = next(contender for contender in CONTENDERS if contender.name == "numba")
        with (
            Worker(case, hand, Options(threads=1, limit=0.0), tmp_path) as worker,
            pytest.raises(Failed, match="no answer within 0 s"),
        ):
            worker.first_call()


class TestCases:
    def test_names_are_unique(self):
        assert len({case.name for case in CASES}) == len(CASES)
        assert len({contender.name for contender in CONTENDERS}) == len(CONTENDERS)

    def test_programs_belong_to_contenders(self):
        names = {contender.name for contender in CONTENDERS}
        assert all(set(case.programs) <= names for case in CASES)

    @pytest.mark.parametrize("case", [c for c in CASES if c.gradient], ids=lambda case: case.name)
    def test_the_expected_gradient_is_that_of_the_loss(self, case):
        """One directional derivative by central differences, in float64."""
        problem = case.gradient
        assert isinstance(problem, Gradient)
        inputs = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in case.inputs(0)]
        generator = np.random.default_rng(1)
        n = problem.n_differentiated
        directions = [generator.standard_normal(a.shape) for a in inputs[:n]]
        loss, step = problem.loss(np), 1e-6

        def moved(sign):
            shifted = [a + sign * step * d for a, d in zip(inputs[:n], directions, strict=True)]
            return loss(*shifted, *inputs[n:])

        gradients = case.expected(tuple(inputs), 1)[-n:]
        derivative = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
        assert derivative == pytest.approx((moved(+1) - moved(-1)) / (2 * step), rel=1e-4, abs=1e-6)

    @pytest.mark.parametrize("name", ["pointwise-1e2-float64", "rosenbrock", "logistic"])
    def test_programs_by_hand_are_right(self, name, monkeypatch):
        from benchmarks.cases import by_hand

        monkeypatch.setattr(by_hand, "compiled", lambda kernel: kernel)  # as plain Python: nothing to compile
        case = next(case for case in CASES if case.name == name)
        program = case.programs["numba"](case.inputs(0))
        results = [np.asarray(leaf) for leaf in leaves(program.function(*program.args))]
        expected = [np.asarray(part) for part in case.expected(case.inputs(0), program.units)]
        assert worst_error(results, expected) < case.tolerance


class TestAgreement:
    def test_error_is_relative_to_the_largest_element(self):
        assert worst_error([np.array([1.0, 100.1])], [np.array([1.0, 100.0])]) == pytest.approx(1e-3)

    def test_nan_is_never_right(self):
        assert np.isnan(worst_error([np.array([np.nan])], [np.array([1.0])]))

    def test_missing_results(self):
        with pytest.raises(ValueError, match="1 results where 2"):
            worst_error([np.array(1.0)], [np.array(1.0), np.array(1.0)])

    def test_leaves_of_nested_results(self):
        assert list(leaves((1, (2, [3])))) == [1, 2, 3]


class TestResults:
    def test_spread(self):
        assert Spread.of([3.0, 1.0, 2.0, 5.0, 4.0]) == Spread(1.0, 2.0, 3.0, 4.0)
        assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0, 3.0)

    def test_json_round_trip(self, a_report, tmp_path):
        a_report.save(tmp_path / "folder" / "run.json")
        assert Report.load(tmp_path / "folder" / "run.json") == a_report

    def test_ratio_pairs_rounds(self, a_report):
        (case,) = a_report.cases
        assert case.ratio("jax", "srcgrad").median == pytest.approx(4.0)
        assert case.best(PEER) == "jax"
        assert case.best("nobody") is None

    def test_text_tells_failures(self, a_report):
        text = report.as_text(a_report)
        assert "torch failed: ImportError: no module named torch" in text
        assert "4.40 us (jax)" in text
        assert "| rosenbrock |" in report.as_markdown(a_report)

    def test_bars(self, a_report):
        found = {verdict.what: verdict for verdict in bars.verdicts(a_report)}
        assert found["rosenbrock against jax"].passed
        assert found["import"].passed
        assert found["rosenbrock, first call"].passed is None
        a_report.cases[0].measurements["jax"].rounds = [2e-6, 2e-6, 2e-6]
        assert next(bars.verdicts(a_report)).passed is False
        a_report.cases[0].disturbed = 2
        assert next(bars.verdicts(a_report)).passed is None
        a_report.cases[0].disturbed = 1
        assert "FAIL" in report.bars_as_text(list(bars.verdicts(a_report)))

    def test_plot(self, a_report, tmp_path):
        pytest.importorskip("matplotlib")
        plot.draw(a_report, tmp_path / "run.png")
        assert (tmp_path / "run.png").stat().st_size > 1000


class TestCommand:
    def test_list(self, capsys):
        assert main(["--list"]) == 0
        out = capsys.readouterr().out
        assert "small-network" in out
        assert "torch.compile" in out

    def test_reports_on_saved_data(self, a_report, tmp_path, capsys):
        a_report.save(tmp_path / "run.json")
        markdown = tmp_path / "run.md"
        assert main(["--load", str(tmp_path / "run.json"), "--markdown", str(markdown), "--bars"]) == 1
        assert "rosenbrock against jax" in capsys.readouterr().out
        assert markdown.read_text().startswith("2026-01-01")


def test_first_line():
    assert first_line(ValueError("one\ntwo")) == "ValueError: one"
    assert first_line(ValueError()) == "ValueError"
    assert first_line(Failed("as it is")) == "as it is"
