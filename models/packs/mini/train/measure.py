"""Scores captions as ../../../../engine/src/eval does: CIDEr-D and BLEU-4 of pycocoevalcap with a plain tokenizer, × 100."""
from dataset import plain


def captions(references, candidates):
    """CIDEr-D and BLEU-4, as a text for the log."""
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
    except ImportError:
        return "not measured, pycocoevalcap is not installed"
    truth = {i: [plain(caption) for caption in some] for i, some in enumerate(references)}
    found = {i: [plain(caption)] for i, caption in enumerate(candidates)}
    cider, _ = Cider().compute_score(truth, found)
    bleu = Bleu(4).compute_score(truth, found, verbose=0)[0][3]
    return f"CIDEr-D {100 * cider:.1f}, BLEU-4 {100 * bleu:.1f} of {len(found)}"
