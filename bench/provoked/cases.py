"""The cases: how each is provoked, what doctor must call it, and what to measure before and after its fix."""
import contextlib
import dataclasses
import os
import statistics
import time

from . import chat, disturb, sparse_models
from .disturb import NotHere

LONG_TEXT = "The quick brown fox jumps over the lazy dog near the river bank. " * 40


@dataclasses.dataclass
class Setting:
    """How lupo is run: arguments, variables, and what goes on beside it."""
    args: tuple = ()
    env: dict = dataclasses.field(default_factory=dict)
    around: object = None  # gives a context that yields the prefix of the command
    model: str = ""
    program: str = None

    @contextlib.contextmanager
    def how(self):
        with self.around() if self.around else contextlib.nullcontext([]) as prefix:
            yield {"env": self.env, "prefix": prefix, "program": self.program}


@dataclasses.dataclass
class Row:
    code: str
    how: str
    fix: str
    found: dict = None
    missing: str = ""
    measured: object = None
    holds: bool = None


def decode(lupo, setting, how):
    return lupo.decode_tps(setting.model, *setting.args, **how)


def steady_decode(lupo, setting, how):
    """Of a model whose every expert has been read before: mapping a page for the first time is not what is compared."""
    return lupo.decode_tps(setting.model, *setting.args, n=96, r=3, **how)


def decode_at(depth):
    def measure(lupo, setting, how):
        return lupo.decode_tps(setting.model, *setting.args, depth=depth, n=16, **how)
    return measure


def loading(lupo, setting, how):
    """Loads a second, from the first look at the file to the first token, by a process that finds nothing cached."""
    disturb.forget(setting.model)
    begin = time.monotonic()
    lupo.run("run", setting.model, "-p", "Hi", "-n", 1, "--quiet", *setting.args, **how)
    return 1 / (time.monotonic() - begin)


def first_token(lupo, setting, how):
    """Turns a second, of those behind the first."""
    argv = [lupo.path, "run", setting.model, "--ctx", "4096", "-n", "12", "--temp", "0", *setting.args]
    seconds = chat.talk(argv, dict(lupo.env, **setting.env), [LONG_TEXT, "And then?", "And then?", "And then?"])
    return 1 / statistics.mean(seconds[1:])


def nothing(lupo, setting, how):
    return None


@dataclasses.dataclass
class Case:
    code: str
    how: str
    fix: str
    bad: Setting
    good: Setting = None
    measure: object = nothing
    before: object = None  # what makes a history, given lupo; not needed for most
    check: object = None   # (lupo, finding) -> text of what was measured and whether it is as told
    asked: Setting = None  # of doctor, where it is not asked with the bad setting
    rightly_silent: str = ""  # why doctor may say nothing, where another machine has nothing to gain

    def run(self, lupo, rounds):
        row = Row(self.code, self.how, self.fix)
        try:
            if self.before:
                self.before(lupo)
            asked = self.asked or self.bad
            with asked.how() as how:
                row.found = lupo.doctor(asked.model, *asked.args, **how).get(self.code)
            if not row.found and self.rightly_silent:
                raise NotHere(self.rightly_silent)
            if row.found and self.check:
                row.measured, row.holds = self.check(lupo, row.found)
            if row.found and rounds and self.measure is not nothing:
                self._compare(lupo, row, rounds)
        except NotHere as reason:
            row.missing = str(reason)
        return row

    def _compare(self, lupo, row, rounds):
        before, after = [], []
        for _ in range(rounds):
            for setting, values in ((self.bad, before), (self.good, after)):
                with setting.how() as how:
                    values.append(self.measure(lupo, setting, how))
        row.measured = statistics.median(after) / statistics.median(before) - 1
        if row.found["gain"] > 0:
            row.holds = row.found["gain_low"] <= row.measured <= row.found["gain_high"]


def patched(source, target, old, new):
    """A copy of a model with a text of its header replaced by one as long."""
    assert len(old) == len(new)
    with open(source, "rb") as file:
        data = bytearray(file.read())
    at = data.find(old, 0, 1 << 24)
    if at < 0:
        raise NotHere(f"{os.path.basename(source)} has no {old.decode()}")
    data[at : at + len(old)] = new
    with open(target, "wb") as file:
        file.write(data)
    return target


def text_file(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


TURNS = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
         "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def machine_cases(args):
    model, cores = args.model, os.cpu_count()
    plain = Setting(model=model)
    return [
        Case("threads-too-many", f"`--threads {4 * cores}` on {cores} processors", "`--threads` left out",
             Setting(("--threads", 4 * cores), model=model), plain, decode),
        Case("threads-too-few", "`--threads 1`", "`--threads` left out", Setting(("--threads", 1), model=model), plain, decode),
        Case("quota-below-cores", "a cgroup with the time of one processor", "no such cgroup",
             Setting(around=lambda: disturb.quota(1), model=model), plain, decode),
        Case("isa-forced", "`LUPO_ISA=scalar`", "`unset LUPO_ISA`", Setting(env={"LUPO_ISA": "scalar"}, model=model), plain, decode),
        Case("busy", f"{cores} other processes that compute", "these ended", Setting(around=lambda: disturb.busy(cores), model=model),
             plain, decode),
        Case("reread-from-disk", "the weights' pages taken away 6 times a second (`MADV_PAGEOUT`)", "no more of that",
             Setting(around=lambda: disturb.reclaimed(model, os.path.basename(args.lupo)), model=model), plain, decode),
        Case("slow-disk", "a cgroup that reads 25 MB/s", "no such cgroup", Setting(around=lambda: disturb.slow_disk(model, 25), model=model),
             plain, loading),
        Case("kv-f32", "`--kv-type f32 --ctx 4096`", "`--kv-type f16`", Setting(("--kv-type", "f32", "--ctx", 4096), model=model),
             Setting(("--ctx", 4096), model=model), decode_at(4000)),
        Case("cache-heavy", "`--ctx 8192`", "`--kv-type q8_0`", Setting(("--ctx", 8192), model=model),
             Setting(("--kv-type", "q8_0", "--ctx", 8192), model=model), decode_at(8000)),
        Case("eight-bit-activations", "nothing: as it is", "`--activations 8`", plain, Setting(("--activations", 8), model=model), decode,
             rightly_silent="a processor with a dot product of bytes gains nothing"),
    ] + ([Case("debug-build", "a lupo of the preset dev", "the preset release", Setting(model=model, program=args.debug_lupo), plain,
               decode)] if args.debug_lupo else [])


def history_cases(args):
    model = args.model

    def answers(lupo, *options, check=True, n=3):
        for _ in range(n):
            lupo.run("run", model, "-n", 24, "--temp", 0, *options, check=check)

    def total(lupo, *options):
        import json
        return json.loads(lupo.run("plan", model, "--json", *options).stdout)["bytes"]["total"]

    def frees(lupo, found):
        n_ctx = found["fix"].split()[-1]
        freed = total(lupo, "--ctx", 16384) - total(lupo, "--ctx", n_ctx)
        return f"{freed / 2**20:.0f} MiB less", freed == found["freed_bytes"]

    def answers_now(lupo, found):
        fixed = lupo.run("run", model, "-n", 24, "-p", LONG_TEXT, "--ctx", found["fix"].split()[-1], check=False)
        return ("answers", True) if fixed.returncode == 0 else ("refused still", False)

    def drafted(lupo, setting, how):
        import json
        out = lupo.run("run", model, "-n", 64, "--temp", 0, "-p", "Tell a story.", "--json", *setting.args, **how).stdout
        return json.loads(out)["decode_tps"]

    return [
        Case("context-unused", "three short answers in a context of 16384", "the `--ctx` it names", Setting(("--ctx", 16384), model=model),
             before=lambda lupo: answers(lupo, "-p", "Hi", "--ctx", 16384), check=frees),
        Case("context-too-small", "a long prompt in a context of 256", "the `--ctx` it names", Setting(model=model),
             before=lambda lupo: answers(lupo, "-p", LONG_TEXT, "--ctx", 256, check=False, n=1), check=answers_now),
        Case("draft-slows", "`--speculate draft` with a draft as large as the model", "no draft",
             Setting(("--draft", model, "--speculate", "draft"), model=model), Setting(("--speculate", "off"), model=model), drafted,
             before=lambda lupo: answers(lupo, "-p", "Tell a story.", "--draft", model, "--speculate", "draft"),
             asked=Setting(model=model)),
    ]


def text_cases(args, folder):
    model, other = args.model, args.other
    counter = text_file(folder, "counter.jinja", "{{ messages|length }} messages\n" + TURNS)
    steady = text_file(folder, "steady.jinja", TURNS)
    twice = text_file(folder, "twice.jinja", "{{ bos_token }}{{ bos_token }}" + TURNS.replace("<|im_start|>", "<start_of_turn>"))
    silent = text_file(folder, "silent.jinja", "{% for m in messages %}{{ m.role }}: {{ m.text }}\n{% endfor %}")
    broken = text_file(folder, "broken.jinja", "{{ raise_exception('no user before the system') }}")
    no_template = os.path.join(folder, "no-template-it.gguf")
    key = b"tokenizer.chat_template"
    return [
        Case("prefix-cache-missed", "a template that begins with the number of messages", "one that does not",
             Setting(("--chat-template", counter), model=model), Setting(("--chat-template", steady), model=model), first_token,
             before=lambda lupo: first_token(lupo, Setting(("--chat-template", counter), model=model), {})),
        Case("template-foreign", "another family's template (`--chat-template chatml`)", "its own",
             Setting(("--chat-template", "chatml"), model=other)),
        Case("bos-doubled", "a template that writes BOS twice", "one that does not", Setting(("--chat-template", twice), model=other)),
        Case("template-drops-message", "a template that reads another field", "its own", Setting(("--chat-template", silent), model=model)),
        Case("template-fails", "a template that raises", "its own", Setting(("--chat-template", broken), model=model)),
        Case("template-missing", "a copy whose template has another key", "the model's own",
             Setting(model=no_template), before=lambda lupo: patched(model, no_template, key, key[:-1] + b"x")),
        Case("base-model", "a model without template that nothing says was trained to answer", "the instruct version",
             Setting(model=other)),
        Case("label-type-mismatch", "a Q4_K_M whose rows are no multiple of 256", "another quantization", Setting(model=model)),
    ]


def neighbour_cases(folder):
    at_hand, mixtures = os.path.join(folder, "at-hand"), os.path.join(folder, "mixtures")
    small, large, narrow = (os.path.join(at_hand, name) for name in ("small-Q8_0.gguf", "large-Q4_0.gguf", "small-Q4_0.gguf"))
    coarse = os.path.join(folder, "coarse-Q2_K.gguf")
    dense, mixture = os.path.join(mixtures, "dense-Q8_0.gguf"), os.path.join(mixtures, "mixture-Q8_0.gguf")

    def make_small(lupo):
        sparse_models.make(small, sparse_models.Q8_0, 8)
        sparse_models.make(narrow, sparse_models.Q4_0, 8)
        sparse_models.make(large, sparse_models.Q4_0, 16)

    def make_slow(lupo):
        """Dense, and so large that this machine's memory gives at most 14 tokens a second."""
        import json
        gbps = json.loads(lupo.run("doctor", "--json").stdout)["read_gbps"]
        n_layer = max(4, round(gbps * 1e9 / 14 / sparse_models.LAYER_BYTES))
        with open("/proc/meminfo", encoding="ascii") as file:
            available = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")) * 1024
        if 3 * n_layer * sparse_models.LAYER_BYTES > available:
            raise NotHere("a model that is slow here does not fit beside another")
        sparse_models.make(dense, sparse_models.Q8_0, n_layer)
        sparse_models.make(mixture, sparse_models.Q8_0, round(n_layer * sparse_models.DENSE_TO_MIXTURE), is_mixture=True)

    def at(path):
        return Setting(("--ctx", 512), model=path)

    def names(path):
        return lambda lupo, found: ("", found["fix"].startswith(f"lupo run {path} "))

    return [
        Case("few-bits", "a model in Q2_K", "one in Q4_K_M", at(coarse),
             before=lambda lupo: sparse_models.make(coarse, sparse_models.Q2_K, 16)),
        Case("bigger-fits", "a Q8_0 beside a model of twice its parameters in Q4_0", "the larger one", at(small), at(large),
             decode, before=make_small, check=names(large)),
        Case("wide-weights", "a Q8_0 beside the Q4_0 of the same model", "the Q4_0", at(small), at(narrow), decode,
             before=make_small, check=names(narrow), rightly_silent="fewer bytes are predicted to gain less than 25 %"),
        Case("moe-faster", "a slow dense model beside a mixture of as many parameters", "the mixture", at(dense), at(mixture),
             steady_decode, before=make_slow, check=names(mixture)),
    ]


def all_of(args, folder):
    return machine_cases(args) + history_cases(args) + text_cases(args, folder) + neighbour_cases(folder)
